// What the page draws: a recording as it unfolds, and who gained.

const LEFT = 44, RIGHT = 8;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const mmss = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

/** The line of the first channel, ribbons of answer and truth, and the probabilities, up to `at`.
 *  The view goes from `begin` to `end`, s; drawn by columns of pixels, so that a long recording
 *  costs no more than a short one. */
export function drawTrace(canvas, track, read, at, [begin, end], stepS) {
  const { clientWidth: width, clientHeight: height } = canvas, scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d"), inner = width - LEFT - RIGHT;
  const [ink, quiet, line] = ["--ink", "--quiet", "--line"].map(colour);
  const colours = [0, 1, 2, 3, 4, 5].map((k) => colour(`--c${k}`));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  const top = 10, ribbon = Math.round(height * 0.56), chances = ribbon + 46, bottom = height - 20;
  const x = (t) => LEFT + ((t - begin) / (end - begin)) * inner;
  const time = (px) => begin + ((px - LEFT) / inner) * (end - begin);
  axes(pen, track, { begin, end, top, ribbon, bottom, width, x, quiet, line });
  const now = Math.min(x(at), width - RIGHT), [low, high] = track.range;
  const y = (v) => ribbon - 8 - ((v - low) / (high - low)) * (ribbon - 8 - top);
  for (const [from, to, stroke, thick] of [[now, width - RIGHT, line, 1.5], [LEFT, now, ink, 1.8]]) {
    pen.beginPath();
    let open = false;
    for (let px = Math.floor(from); px <= to; px++) {
      const v = track.line[Math.floor(time(px) * track.rate)];
      if (!Number.isFinite(v)) { open = false; continue; }
      open ? pen.lineTo(px, y(v)) : pen.moveTo(px, y(v));
      open = true;
    }
    pen.strokeStyle = stroke;
    pen.lineWidth = thick;
    pen.stroke();
  }
  for (let px = LEFT; px < now; px++) {
    const t = time(px), chance = read[Math.floor(t / stepS)];
    const truth = track.truth?.[Math.floor(t * track.rate)];
    if (truth >= 0) { pen.fillStyle = colours[truth % 6]; pen.fillRect(px, ribbon + 20, 1.5, 8); }
    if (!chance) continue;
    pen.fillStyle = colours[chance.indexOf(Math.max(...chance)) % 6];
    pen.fillRect(px, ribbon + 2, 1.5, 16);
    let floor = bottom;
    chance.forEach((p, k) => {
      pen.fillStyle = colours[k % 6];
      const tall = p * (bottom - chances);
      pen.fillRect(px, floor - tall, 1.5, tall + 0.3);
      floor -= tall;
    });
  }
  pen.fillStyle = quiet;
  pen.textAlign = "right";
  pen.fillText("read", LEFT - 6, ribbon + 14);
  if (track.truth) pen.fillText("true", LEFT - 6, ribbon + 29);
  pen.fillText("100 %", LEFT - 6, chances + 5);
  pen.fillText("0", LEFT - 6, bottom + 2);
  if (now > LEFT) { pen.fillStyle = ink; pen.fillRect(now, top, 1, bottom - top); }
}

function axes(pen, track, { begin, end, top, ribbon, bottom, width, x, quiet, line }) {
  const [low, high] = track.range, wanted = [30, 60, 300, 600, 1200, 3600, 7200];
  pen.fillStyle = quiet;
  pen.textAlign = "right";
  pen.fillText(high.toFixed(track.digits), LEFT - 6, top + 8);
  pen.fillText(low.toFixed(track.digits), LEFT - 6, ribbon - 8);
  pen.textAlign = "left";
  pen.fillText(track.label, LEFT + 4, top + 2);
  pen.textAlign = "center";
  const every = wanted.find((s) => (end - begin) / s <= Math.max(3, width / 110)) ?? 14400;
  for (let t = Math.ceil(begin / every) * every; t <= end; t += every) {
    pen.fillStyle = line;
    pen.fillRect(x(t), top, 0.5, bottom - top);
    pen.fillStyle = quiet;
    if (x(t) < width - 20) pen.fillText(mmss(t), x(t), bottom + 15);
  }
}

/** A bar for each window: its class k; on: tall; aside: pale; end: the last of a recording. */
export function bars(box, windows, name) {
  if (box.childElementCount !== windows.length)
    box.replaceChildren(...windows.map(() => document.createElement("i")));
  windows.forEach(({ k = 0, on, aside, end }, i) => {
    const bar = box.children[i];
    bar.style.setProperty("--c", `var(--c${k % 6})`);
    bar.style.setProperty("--i", i);
    bar.className = [on && "on", aside && "aside", end && "end"].filter(Boolean).join(" ");
  });
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", name);
}

/** Everybody who was tested, from before to after, the best gain first. */
export function gainsPicture(rows, chosen, harm, width) {
  const sorted = [...rows].sort((a, b) => b.after - b.before - (a.after - a.before));
  const wide = Math.min(width, 700), tall = sorted.length * 18;
  const left = 18 + 7 * Math.max(...rows.map((row) => row.athlete.length));
  const x = (share) => left + share * (wide - left - 20);
  const escaped = (text) => text.replace(/[<&]/g, "");
  const each = sorted.map(({ athlete, before, after }, i) => {
    const y = 14 + i * 18, gain = after - before;
    const tone = gain < -harm ? "var(--c2)" : gain > harm ? "var(--c0)" : "var(--c5)";
    const weight = athlete === chosen ? 700 : 400, line = `M${x(before)} ${y - 6}v12v-6H${x(after)}`;
    return `<text x="${left - 10}" y="${y + 4}" text-anchor="end" font-weight="${weight}">${escaped(athlete)}</text>
      <path d="${line}" fill="none" stroke="${tone}" stroke-width="2.5"/>
      <circle cx="${x(after)}" cy="${y}" r="5" fill="${tone}"/>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    `<path d="M${x(share)} 4V${tall + 8}" stroke="var(--line)"/>
     <text x="${x(share)}" y="${tall + 25}" text-anchor="middle">${100 * share} %</text>`);
  const label = "For each athlete the share of windows read rightly, before and after learning";
  return `<svg width="${wide}" height="${tall + 32}" role="img" aria-label="${label}">
    ${ticks.join("")}${each.join("")}</svg>`;
}
