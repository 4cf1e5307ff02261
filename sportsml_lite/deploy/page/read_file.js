// A training file of the reader's own: FIT, TCX, GPX or CSV, told apart by what is inside. It is
// read here, in the page, and goes nowhere. The package's readers (collect/formats) know many more
// oddities; these know what a watch usually writes.

export const LARGEST_MB = 50;
const LONGEST_S = 2 * 86400, SLOPE_S = 30;
const RANGES = { hr_bpm: [25, 240], speed_mps: [0, 40], power_w: [0, 2500], cadence_spm: [0, 300],
  altitude_m: [-500, 9000], distance_m: [0, 2e6] };

/** What is wrong with a file, in a sentence for the reader. */
export class Refusal extends Error {}

/** A file as channels of one value a second, NaN where there is none, by the book's names. */
export async function readFile(file) {
  if (!file.size) throw new Refusal("it is empty; choose the recording again");
  if (file.size > LARGEST_MB * 1e6)
    throw new Refusal(`it is larger than ${LARGEST_MB} MB; a recording of a day takes less`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  return seconds(isFit(bytes, 0) ? readFit(bytes) : readText(bytes));
}

const isFit = (bytes, at) => String.fromCharCode(...bytes.subarray(at + 8, at + 12)) === ".FIT";

function readText(bytes) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
  } catch {
    text = "\0";
  }
  if (text.includes("\0")) throw new Refusal("it is no FIT, TCX, GPX or CSV file, whatever its name");
  return text.startsWith("<") ? readXml(text) : readCsv(text);
}

// --- FIT: a stream of definitions and of the messages that they describe --------------------------

const RECORD = 20, SESSION = 18, ON_FOOT = [1, 11, 17], ON_WHEELS = [2, 21];
// Field of a record: its name, scale, offset. What stands later wins: the wider field of a device.
const FIELDS = { 3: ["hr_bpm", 1, 0], 4: ["cadence", 1, 0],
  5: ["distance_m", 100, 0], 6: ["speed_mps", 1000, 0], 7: ["power_w", 1, 0],
  2: ["altitude_m", 5, 500], 73: ["speed_mps", 1000, 0], 78: ["altitude_m", 5, 500] };

function readFit(bytes) {
  const view = new DataView(bytes.buffer), points = [];
  let sport = null;
  for (let at = 0; isFit(bytes, at); ) {
    const size = view.getUint32(at + 4, true), begin = at + bytes[at], end = begin + size;
    if (end + 2 > bytes.length)
      throw new Refusal("it is cut short; copy it from the device again");
    sport = fitPart(view, begin, end, points) ?? sport;
    at = end + 2; // behind the checksum
  }
  const times = ON_FOOT.includes(sport) ? 2 : ON_WHEELS.includes(sport) ? NaN : 1; // strides, turns
  return points.map(({ cadence, ...point }) => ({ ...point, cadence_spm: times * cadence }));
}

function fitPart(view, at, end, points) {
  const kinds = {};
  let time = 0, sport = null;
  while (at < end) {
    const header = view.getUint8(at++), compressed = header & 0x80;
    if (!compressed && header & 0x40) {
      [kinds[header & 15], at] = definition(view, at, header & 0x20);
      continue;
    }
    const kind = kinds[compressed ? (header >> 5) & 3 : header & 15];
    if (!kind || at + kind.size > end)
      throw new Refusal("it breaks the FIT format; copy it from the device again");
    const values = message(view, at, kind);
    at += kind.size;
    if (values[253] !== undefined) time = values[253];
    else if (compressed) time += ((header & 31) - time) & 31;
    if (kind.number === SESSION) sport = values[5] ?? sport;
    if (kind.number === RECORD && time) {
      const point = { time };
      for (const [field, [name, scale, offset]] of Object.entries(FIELDS))
        if (values[field] !== undefined) point[name] = values[field] / scale - offset;
      points.push(point);
    }
  }
  return sport;
}

function definition(view, at, developer) {
  const little = !view.getUint8(at + 1), count = view.getUint8(at + 4), fields = [];
  const number = view.getUint16(at + 2, little);
  let size = 0;
  at += 5;
  for (let i = 0; i < count; i++, at += 3) {
    fields.push({ number: view.getUint8(at), size: view.getUint8(at + 1), begin: size });
    size += view.getUint8(at + 1);
  }
  if (developer) // their fields are skipped
    for (let left = view.getUint8(at++); left > 0; left--, at += 3) size += view.getUint8(at + 1);
  return [{ number, little, fields, size }, at];
}

/** Unsigned numbers of a message by field; all bits set means not measured. */
function message(view, at, { fields, little }) {
  const out = {};
  for (const { number, size, begin } of fields) {
    if (![1, 2, 4].includes(size)) continue;
    const value = view[`getUint${8 * size}`](at + begin, little);
    if (value !== 2 ** (8 * size) - 1) out[number] = value;
  }
  return out;
}

// --- TCX and GPX ----------------------------------------------------------------------------------

const NAMES = { time: "time", value: "hr_bpm", hr: "hr_bpm", heartrate: "hr_bpm", speed: "speed_mps",
  watts: "power_w", power: "power_w", cad: "cadence", cadence: "cadence", runcadence: "cadence",
  altitudemeters: "altitude_m", ele: "altitude_m", distancemeters: "distance_m" };

function readXml(text) {
  if (/<!DOCTYPE|<!ENTITY/i.test(text))
    throw new Refusal("it declares a document type; export it again");
  const tree = new DOMParser().parseFromString(text, "application/xml");
  if (tree.querySelector("parsererror")) throw new Refusal("its XML is broken; export it again");
  const tags = ["Trackpoint", "trkpt"].flatMap((name) => [...tree.getElementsByTagNameNS("*", name)]);
  const activity = tree.querySelector("Activity"), type = tree.querySelector("trk > type");
  const sport = activity?.getAttribute("Sport") ?? type?.textContent ?? "";
  const foot = /run|walk|hik/i.test(sport), wheels = /bik|cycl|ride/i.test(sport), points = [];
  let way = 0, last = null;
  for (const tag of tags) {
    const point = {};
    for (const inner of tag.getElementsByTagName("*")) {
      const name = NAMES[inner.localName.toLowerCase()], said = inner.textContent;
      if (name) point[name] = name === "time" ? seconds1970(said) : number(said);
    }
    const [lat, lon] = ["lat", "lon"].map((name) => number(tag.getAttribute(name) ?? ""));
    if (lat === lat && lon === lon) { // GPX tells where, not how far
      way += last ? metres(last, [lat, lon]) : 0;
      last = [lat, lon];
      point.distance_m = way;
    }
    const strides = foot && point.cadence < 120;
    point.cadence_spm = wheels ? NaN : (strides ? 2 : 1) * point.cadence;
    points.push(point);
  }
  return points;
}

/** Great-circle way between two places in degrees. */
function metres([lat, lon], [lat2, lon2]) {
  const turn = Math.PI / 180, half = (angle) => Math.sin((angle * turn) / 2) ** 2;
  const across = Math.cos(lat * turn) * Math.cos(lat2 * turn) * half(lon2 - lon);
  return 2 * 6371008.8 * Math.asin(Math.sqrt(half(lat2 - lat) + across));
}

const number = (text) => (text.trim() ? Number(text) : NaN);

/** A date as seconds since 1970; one without a zone is UTC. */
function seconds1970(text) {
  const date = text.trim().replace(" ", "T");
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(date) ? date : `${date}Z`) / 1000;
}

// --- CSV, by the book's names of columns ----------------------------------------------------------

function readCsv(text) {
  const [header, ...lines] = text.split(/\r?\n/);
  const mark = [";", "\t", ","].find((m) => header.includes(m)) ?? ",";
  const cells = (line) => line.split(mark).map((cell) => cell.trim().replace(/^"|"$/g, ""));
  const names = cells(header.replace(/^\uFEFF/, "")).map((name) => name.toLowerCase());
  const at = names.includes("t_s") ? "t_s" : "time";
  if (!names.includes(at)) {
    const found = names.slice(0, 8).join(", ");
    throw new Refusal(`it has no column t_s (seconds) or time; its columns are ${found}`);
  }
  return lines.filter(Boolean).map((line) => {
    const point = {};
    cells(line).forEach((cell, i) => {
      const value = mark === ";" ? cell.replace(",", ".") : cell;
      if (names[i] === at) point.time = Number.isNaN(Number(value)) ? seconds1970(value) : number(value);
      else if (RANGES[names[i]]) point[names[i]] = number(value);
    });
    return point;
  });
}

// --- one value a second ---------------------------------------------------------------------------

function seconds(points) {
  points = points.filter((p) => Number.isFinite(p.time)).sort((a, b) => a.time - b.time);
  if (!points.length) throw new Refusal("it holds no point with a time; give a recorded activity");
  const begin = points[0].time, length = Math.floor(points.at(-1).time - begin + 0.5) + 1;
  if (length > LONGEST_S) throw new Refusal("it spans more than two days; give one activity");
  const out = { length };
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const sum = new Float64Array(length), count = new Float64Array(length);
    for (const point of points) {
      if (!(point[name] >= low && point[name] <= high)) continue;
      const t = Math.floor(point.time - begin + 0.5);
      sum[t] += point[name];
      count[t] += 1;
    }
    if (count.some(Boolean)) out[name] = sum.map((s, t) => (count[t] ? s / count[t] : NaN));
  }
  if (!out.speed_mps && out.distance_m) out.speed_mps = slopes(out.distance_m);
  if (out.altitude_m && out.distance_m) out.grade = grade(out.altitude_m, out.distance_m);
  return out;
}

/** Rise over run of the last 30 s, as prepare/tasks/seconds.py has it. */
function grade(altitude, distance) {
  return altitude.map((a, t) => {
    const run = distance[t] - distance[t - SLOPE_S], slope = (a - altitude[t - SLOPE_S]) / run;
    return run > SLOPE_S / 2 ? Math.min(Math.max(slope, -0.45), 0.45) : NaN;
  });
}

/** Change since the last known value, by the time between the two. */
function slopes(values) {
  let last = -1;
  return values.map((value, t) => {
    if (Number.isNaN(value)) return NaN;
    const speed = last < 0 ? NaN : (value - values[last]) / (t - last);
    last = t;
    return speed;
  });
}
