// The whole student, as it runs on a watch: a sample in, every few samples an answer out.
// What it computes is written down in deploy/network.py and deploy/personal.py; a test holds the
// two together. A window is a stream that begins where the window does.

export const NEVER = -1e30; // of a class that nobody has shown

/** The folded network from its sizes and one row of float32 numbers. */
export function network(told, numbers) {
  const { width: W, kernel: K, channels, classes, dilations } = told;
  const C = channels.length, n = classes.length;
  let at = 0;
  const take = (count) => numbers.subarray(at, (at += count));
  const net = { ...told, mean: take(C), inverse: take(C), stem: take(W * C * K), stemBias: take(W) };
  net.blocks = dilations.map((dilation) => ({
    dilation, depth: take(W * K), point: take(W * W), bias: take(W), scale: take(W), shift: take(W),
  }));
  net.head = { weight: take(n * 2 * W), bias: take(n) };
  return { ...net, steps: told.samples / told.stride };
}

/** Reads a recording sample by sample; remembers only what the convolutions reach. */
export class Stream {
  constructor(net) {
    const { width: W, kernel: K, channels } = net;
    this.net = net;
    this.held = new Float32Array(channels.length); // the last known value, scaled; 0 is the mean
    this.samples = new Float32Array(channels.length * K); // rings: the newest overwrites the oldest
    this.past = net.blocks.map((b) => new Float32Array(((K - 1) * b.dilation + 1) * W));
    this.recent = new Float32Array(net.steps * W);
    this.sum = new Float64Array(W);
    [this.h, this.convolved, this.z] = [0, 1, 2].map(() => new Float64Array(W)); // one step's work
    this.seen = 0; // samples
    this.step = 0; // states
  }

  /** A measured sample, NaN where a channel is missing. At a step: what the head sees, (2 W,). */
  push(sample) {
    const { net, held, samples } = this;
    const C = held.length, K = net.kernel, place = this.seen % K;
    for (let c = 0; c < C; c++) {
      if (!Number.isNaN(sample[c])) held[c] = (sample[c] - net.mean[c]) * net.inverse[c];
      samples[c * K + place] = held[c];
    }
    this.seen += 1;
    return this.seen % net.stride ? null : this.pool(this.blocks(this.stem()));
  }

  stem() {
    const { net: { width: W, kernel: K, stem, stemBias }, samples, seen, h } = this;
    const C = samples.length / K;
    h.set(stemBias);
    for (let k = 0; k < K; k++) {
      const then = (seen + k) % K; // the oldest stands where the next will be written
      for (let c = 0; c < C; c++) {
        const x = samples[c * K + then];
        for (let w = 0; w < W; w++) h[w] += stem[(w * C + c) * K + k] * x;
      }
    }
    for (let w = 0; w < W; w++) h[w] = Math.max(h[w], 0);
    return h;
  }

  blocks(h) {
    const { net: { width: W, kernel: K }, convolved, z } = this;
    this.net.blocks.forEach((block, b) => {
      const past = this.past[b], length = past.length / W, now = this.step % length;
      past.set(h, now * W);
      convolved.fill(0); // each channel looks back in time by itself
      for (let k = 0; k < K; k++) {
        const then = (now + 1 + k * block.dilation) % length;
        for (let w = 0; w < W; w++) convolved[w] += block.depth[w * K + k] * past[then * W + w];
      }
      let square = 0; // then the channels mix; their mean is 0 by the weights
      for (let v = 0; v < W; v++) {
        let sum = block.bias[v];
        for (let w = 0; w < W; w++) sum += block.point[v * W + w] * convolved[w];
        z[v] = sum;
        square += sum * sum;
      }
      const inverse = 1 / Math.sqrt(square / W + 1e-5);
      for (let w = 0; w < W; w++)
        h[w] += Math.max(z[w] * inverse * block.scale[w] + block.shift[w], 0);
    });
    return h;
  }

  /** The mean of the last states, of a window's length, and the last one. */
  pool(h) {
    const { net: { steps }, sum, recent } = this, W = h.length, place = (this.step % steps) * W;
    const out = new Float64Array(2 * W);
    this.step += 1;
    for (let w = 0; w < W; w++) {
      sum[w] += h[w] - recent[place + w];
      recent[place + w] = h[w];
      out[w] = sum[w] / Math.min(this.step, steps);
      out[W + w] = h[w];
    }
    return out;
  }
}

/** What the head sees of a window: C rows of measured samples. */
export function features(net, rows, begin = 0) {
  const stream = new Stream(net), sample = new Float64Array(rows.length);
  let out = null;
  for (let t = begin; t < begin + net.samples; t++) {
    for (let c = 0; c < rows.length; c++) sample[c] = rows[c][t];
    out = stream.push(sample) ?? out;
  }
  return out;
}

export const logits = (head, seen) =>
  Array.from(head.bias, (b, k) =>
    seen.reduce((sum, f, d) => sum + head.weight[k * seen.length + d] * f, b));

export const best = (values) => values.indexOf(Math.max(...values));

export function softmax(values) {
  const top = Math.max(...values), each = values.map((v) => Math.exp(v - top));
  const total = each.reduce((a, b) => a + b);
  return each.map((v) => v / total);
}

/** The same head, never answering with a class that is not among those shown. */
export const masked = (head, y) =>
  ({ weight: head.weight, bias: head.bias.map((b, k) => (y.includes(k) ? b : NEVER)) });

/** An athlete's own head, in closed form, from a few labelled windows. No gradient, one line of
 *  mathematics: each class mean moves from the others' toward the athlete's by n / (n + kappa). */
export function learn({ means, precision, kappa }, seen, y, onlyShown = true) {
  const K = means.length, D = precision.length;
  const weight = new Float32Array(K * D), bias = new Float32Array(K);
  for (let k = 0; k < K; k++) {
    const own = seen.filter((_, i) => y[i] === k), n = own.length;
    const moved = Array.from({ length: D }, (_, d) => {
      const mean = own.reduce((sum, f) => sum + f[d], 0) / n, prior = means[k][d];
      return !n ? prior : Number.isNaN(prior) ? mean : prior + (n / (n + kappa)) * (mean - prior);
    });
    const known = !moved.some(Number.isNaN);
    let half = 0;
    for (let d = 0; d < D && known; d++) {
      const w = moved.reduce((sum, m, e) => sum + m * precision[e][d], 0);
      weight[k * D + d] = w;
      half += w * moved[d];
    }
    bias[k] = known && (n || !onlyShown) ? -0.5 * half : NEVER;
  }
  return { weight, bias };
}
