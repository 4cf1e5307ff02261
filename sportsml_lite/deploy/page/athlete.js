// The athletes whom the page holds: their recordings, windows, and what learning makes of them. The
// same in Python: deploy/people.py.
import { best, features, learn, logits, masked, network } from "./student.js";

export const told = JSON.parse(document.getElementById("data").textContent);
export const student = told.student;
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
export const net = network(student, floats(student.numbers));

async function unpack(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint16Array(await new Response(stream).arrayBuffer());
}

/** People with the rows of their recordings, NaN where nothing was measured. */
export async function people() {
  const codes = told.people.length ? await unpack(told.codes) : [];
  let at = 0;
  const row = (length, c) => {
    const out = new Float64Array(length);
    for (let t = 0, code = 0; t < length; t++) { // each code is the change from the one before
      code = (code + codes[at++]) & 0xffff;
      out[t] = code === told.missing ? NaN : told.scale.low[c] + told.scale.step[c] * code;
    }
    return out;
  };
  const rows = ({ length }) => student.channels.map((_, c) => row(length, c));
  return told.people.map((one) =>
    ({ ...one, recordings: one.recordings.map((r) => ({ ...r, rows: rows(r) })) }));
}

export function prior() {
  if (!told.prior) return null;
  const { classes, width, kappa, numbers } = told.prior, all = floats(numbers);
  const row = (_, i) => all.subarray(i * width, (i + 1) * width);
  const rows = Array.from({ length: classes + width }, row);
  return { means: rows.slice(0, classes), precision: rows.slice(classes), kappa };
}

/** A person's windows in order, with what the head sees of each; computed once. */
export function windows(person) {
  return (person.windows ??= person.recordings.flatMap((r) => r.first.map((first, i) => ({
    clock: r.clock, t0: r.t0_s + first / student.rate_hz, y: r.y[i],
    end: i === r.first.length - 1, seen: features(net, r.rows, first) }))));
}

/** The k earliest windows of each class; those that keep the gap from them count. */
export function exam(all, k) {
  const sofar = {}, length = student.samples / student.rate_hz;
  const marked = all.map(({ y }) => (sofar[y] = (sofar[y] ?? 0) + 1) <= k);
  const given = all.filter((_, i) => marked[i]);
  const near = (w) =>
    given.some((g) => g.clock === w.clock && Math.abs(g.t0 - w.t0) < told.gap * length);
  return { marked, counted: all.map((w) => !near(w)) };
}

/** The three models of a person, from their marked windows. */
export function models(all, marked, prior) {
  const given = all.filter((_, i) => marked[i]), y = given.map((w) => w.y);
  const knows = masked(net.head, y);
  const mistakes = given.some((w) => best(logits(knows, w.seen)) !== w.y);
  return { before: net.head, masked: knows, mistakes,
    after: mistakes ? learn(prior, given.map((w) => w.seen), y) : knows };
}

export const read = (all, head) => all.map((w) => best(logits(head, w.seen)));

/** Share of the counted windows that is read rightly, in all and of each class (NaN without one). */
export function share(all, said, counted) {
  const of = (own) => own.filter((i) => said[i] === all[i].y).length / own.length;
  const every = all.map((_, i) => i).filter((i) => counted[i]);
  const each = student.classes.map((_, k) => of(every.filter((i) => all[i].y === k)));
  return { all: of(every), each };
}
