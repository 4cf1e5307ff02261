// The page: a recording unfolds, an athlete's windows are marked, the student learns.
import { Stream, best, features, learn, logits, masked, softmax } from "./student.js";
import { Refusal, readFile } from "./read_file.js";
import { exam, models, net, people, prior, read, share, student, told, windows } from "./athlete.js";
import { bars, drawTrace, gainsPicture, mmss } from "./draw.js";

const UNKNOWN_AGE_Y = 35; // as the package takes it
const GAP_S = 60; // without any sample a stream is no longer the same: it begins anew
const SPEEDS = [1, 10, 100, 1000];
const FILE_CHANNELS = ["hr_fraction", "hr_bpm", "speed_mps", "cadence_spm", "power_w", "grade"];
const $ = (id) => document.getElementById(id);
const heart = student.channels[0] === "hr_fraction";
const simulated = student.simulated ? "simulated " : "";
const percent = (share) => `${Math.round(100 * share)} %`;
const dot = (k) => `<span class="dot" style="background:var(--c${k % 6})"></span>`;
const own = { age: null, seconds: null, name: "" }; // the reader's own file
const state = { people: [], prior: null, stage: 0, taught: null, // to learn: stage 1 marked, 2 learned
  track: null, at: 0, speed: 100, playing: false, taughtReads: false };

// --- watch ----------------------------------------------------------------------------------------

/** What is drawn and read: rows of the channels, and of the first one the line and its range. */
function trackOf(rows, rate, age, more) {
  const top = heart ? told.hr_max[0] + told.hr_max[1] * age : 0;
  const line = top ? rows[0].map((v) => v * top) : rows[0];
  const known = line.filter(Number.isFinite).sort(), last = known.length - 1;
  const range = [known[Math.floor(0.001 * last)] ?? 0, known[Math.ceil(0.999 * last)] ?? 1];
  if (range[0] === range[1]) range[1] += 1;
  const unit = { mps: " (m/s)", mps2: " (m/s²)" };
  const label = top ? "heart rate (bpm)"
    : student.channels[0].replace(/_(mps2?)$/, (_, name) => unit[name]).replace(/_/g, " ");
  const digits = range[1] - range[0] > 20 ? 0 : 1;
  return { rows, rate, line, range, label, digits, ...more };
}

/** A recording of somebody whom the page holds; a window's class is that of its end. */
function trackOfPerson(person, r) {
  const truth = new Int8Array(r.length).fill(-1), size = student.samples;
  r.first.forEach((first, i) => {
    const fresh = i ? first - r.first[i - 1] : size;
    truth.fill(r.y[i], first + size - fresh, first + size);
  });
  return trackOf(r.rows, student.rate_hz, person.age_y ?? UNKNOWN_AGE_Y, { truth, person });
}

/** The reader's file as the student's channels, and the names of those that it lacks. */
function trackOfFile() {
  const { seconds } = own, age = own.age ?? UNKNOWN_AGE_Y, top = told.hr_max[0] + told.hr_max[1] * age;
  const given = { ...seconds, hr_fraction: seconds.hr_bpm?.map((hr) => hr / top) };
  const lacking = student.channels.filter((name) => !given[name]);
  const empty = new Float64Array(seconds.length).fill(NaN);
  return trackOf(student.channels.map((name) => given[name] ?? empty), 1, age, { lacking });
}

function show(track) {
  Object.assign(state, { track, playing: false, at: 0 });
  $("screen").hidden = false;
  $("seek").max = track.line.length / track.rate;
  rewind();
  heads();
  draw();
}

function rewind() {
  Object.assign(state, { stream: new Stream(net), pushed: 0, read: [], silent: 0 });
}

/** Push the samples up to a time through the student, one by one. */
function advance(to) {
  const { track } = state, wanted = Math.min(Math.floor(to * track.rate), track.line.length);
  if (wanted < state.pushed) rewind();
  const head = state.taughtReads ? state.taught.head : net.head, longest = GAP_S * track.rate;
  for (; state.pushed < wanted; state.pushed++) {
    const sample = track.rows.map((row) => row[state.pushed]);
    state.silent = sample.every(Number.isNaN) ? state.silent + 1 : 0;
    if (state.silent === longest) state.stream = new Stream(net);
    const seen = state.stream.push(sample);
    if (seen) state.read.push(state.silent < longest ? softmax(logits(head, seen)) : null);
  }
  state.at = to;
}

function draw() {
  const { track, at, read: said } = state;
  if (!track) return;
  const total = track.line.length / track.rate;
  const span = Math.min(total, Math.max(180, 60 * state.speed)); // slowly: the last minutes only
  const begin = Math.max(0, Math.min(at - 0.85 * span, total - span));
  drawTrace($("trace"), track, said, at, [begin, begin + span], student.stride / track.rate);
  const now = said.at(-1), k = now && best(now);
  const value = track.line[Math.min(Math.floor(at * track.rate), track.line.length - 1)];
  $("dot").style.background = now ? `var(--c${k % 6})` : "";
  $("answer").textContent = now ? student.names[k] : "";
  $("sure").textContent = now ? percent(now[k]) : at ? "waits for samples" : "press Play";
  $("heart").textContent = !heart ? "" : `${Number.isFinite(value) ? Math.round(value) : "–"} bpm`;
  $("clock").textContent = `${mmss(at)} of ${mmss(total)}`;
  $("seek").value = at;
  $("seek").setAttribute("aria-valuetext", mmss(at));
  $("play").textContent = state.playing ? "Pause" : at >= total ? "Again" : "Play";
}

let last = null; // time of the frame before
function frame(now) {
  if (!state.playing) return (last = null);
  const total = state.track.line.length / state.track.rate;
  advance(Math.min(state.at + (Math.min(now - (last ?? now), 100) / 1000) * state.speed, total));
  last = now;
  state.playing = state.at < total;
  draw();
  requestAnimationFrame(frame);
}

function buttons(box, each, pressed, act) {
  box.replaceChildren(...each.map(([name, value]) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.setAttribute("aria-pressed", value === pressed());
    button.onclick = () => {
      act(value);
      for (const other of box.children) other.setAttribute("aria-pressed", other === button);
      draw();
    };
    return button;
  }));
}

/** Who reads: the student for all, or the one that has learned from this person. */
function heads() {
  const there = state.taught !== null && state.taught.person === state.track.person;
  $("heads").hidden = !there;
  if (!there) state.taughtReads = false;
  const choices = [["student for all", false], ["after learning", true]];
  buttons($("heads"), choices, () => state.taughtReads, (taught) => {
    state.taughtReads = taught;
    rewind();
    advance(state.at);
  });
}

function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

/** A file of the reader's own; one that cannot be used leaves everything as it was. */
async function open(file) {
  try {
    const seconds = await readFile(file);
    if (heart && !seconds.hr_bpm) throw new Refusal("it holds no heart rate, which the student needs");
    if (!student.channels.some((name) => seconds[name] || name === "hr_fraction"))
      throw new Refusal(`it holds nothing of ${student.channels.join(", ")}, which the student reads`);
    Object.assign(own, { seconds, name: file.name });
    const option = [...$("recording").options].find((o) => o.value === "own") ?? new Option("", "own");
    option.textContent = file.name;
    $("recording").add(option);
    $("choice").hidden = false;
    $("recording").value = "own";
    pick();
  } catch (error) {
    const why = error instanceof Refusal ? error.message : "it cannot be read; export it again";
    say(`${file.name}: ${why}.`);
  }
}

function pick() {
  const value = $("recording").value;
  $("ask").hidden = !(value === "own" && heart);
  say("");
  if (value !== "own") {
    const [p, r] = value.split(" ").map(Number), person = state.people[p];
    const age = person.age_y ? ` of ${Math.floor(person.age_y)}` : "";
    $("about").textContent =
      `The watch of ${person.name}, ${simulated ? "a simulated" : "an"} athlete${age} whom the ` +
      "student has never met. Press Play: it reads sample by sample and never looks ahead.";
    return show(trackOfPerson(person, person.recordings[r]));
  }
  const track = trackOfFile(), lacks = track.lacking.join(", ");
  $("about").textContent =
    `Your file ${own.name}, read in this page alone. Nobody tells the truth here, so nothing is ` +
    `right or wrong.${lacks && ` It lacks ${lacks}: the usual value stands in.`}`;
  if (heart && !own.age)
    say("How old is the athlete? The student reads heart rate as a share of what is expected at " +
      `that age. Until you say it, ${UNKNOWN_AGE_Y} is taken.`);
  show(track);
}

// --- learn ----------------------------------------------------------------------------------------

/** The strips of the chosen person, as far as the stage has come. */
function strips() {
  const { stage, people: everyone } = state, person = everyone[$("person").value];
  const all = windows(person), k = Number($("k").value);
  const { marked, counted } = exam(all, stage ? k : 0);
  const found = stage ? models(all, marked, state.prior) : { before: net.head };
  const place = (id, what) => document.querySelector(`#line-${id} ${what}`);
  bars(place("truth", ".marks"), all.map((w, i) => ({ end: w.end, on: marked[i] })), "Marked windows");
  bars(place("truth", ".strip"), all.map((w) => ({ k: w.y, end: w.end, on: true })), "The true classes");
  const shares = {};
  for (const id of ["before", "masked", "after"].slice(0, stage + 1)) {
    const said = read(all, found[id]);
    shares[id] = share(all, said, counted);
    const text = `${percent(shares[id].all)} right`;
    place(id, "b").textContent = text;
    place(id, ".each").innerHTML =
      shares[id].each.map((s, c) => (s >= 0 ? `${dot(c)}${percent(s)}` : "")).join(" ");
    const bar = (w, i) => ({ k: said[i], on: said[i] === w.y, aside: !counted[i], end: w.end });
    bars(place(id, ".strip"), all.map(bar), `${text}, window by window`);
  }
  for (const id of ["masked", "after"]) $(`line-${id}`).classList.toggle("still", !(id in shares));
  const taught = stage === 2 ? { person, head: found.after } : null;
  Object.assign(state, { taught, shares, counted: counted.filter(Boolean).length });
  tell(person, k, marked.filter(Boolean).length, found.mistakes);
  if (state.track) { heads(); draw(); }
}

function tell({ name }, k, marks, mistakes) {
  const { stage, shares, counted } = state, few = `${marks} windows, the first ${k} of each class`;
  $("said").textContent = [
    `The student for all reads ${percent(shares.before.all)} of ${name}'s windows rightly.`,
    `Marked: ${few}, as a coach would label them. What counts now are ${counted} other windows.`,
    !mistakes ? `The student made no mistake on ${few}, so it stays as it is.`
      : `${name}: ${percent(shares.before.all)} right before, ${percent(shares.after?.all)} after ` +
        `learning from ${few}. Counted on ${counted} ${simulated}windows that nobody marked.`,
  ][stage];
  $("k-said").textContent = k;
  $("gains").innerHTML = gainsPicture(told.gains, name, told.harm, $("gains").clientWidth);
  for (const [id, there] of [["mark", stage === 0], ["learn", stage === 1], ["again", stage > 0]]) {
    $(id).disabled = !there;
    $(id).classList.toggle("next", there && id !== "again");
  }
}

function others() {
  const { gains, harm, k } = told, count = gains.length;
  const mean = (name) => percent(gains.reduce((sum, g) => sum + g[name], 0) / count);
  const harmed = gains.filter((g) => g.after - g.before < -harm).length;
  $("mean").textContent =
    `The first athlete above was chosen by a rule: of the ${count} ${simulated}athletes who were ` +
    `tested and can give ${k} windows of each class, the one whom learning helps most. On average ` +
    `it goes from ${mean("before")} to ${mean("after")} right. ${harmed} of the ${count} end up ` +
    `worse by more than ${Math.round(100 * harm)} points. Choose the one in the middle, or the one ` +
    "whom it helps least, and watch that, too.";
}

// --- begin ----------------------------------------------------------------------------------------

function listen() {
  $("recording").onchange = pick;
  $("play").onclick = () => {
    if (state.at >= Number($("seek").max)) advance(0);
    state.playing = !state.playing;
    draw();
    requestAnimationFrame(frame);
  };
  $("seek").oninput = () => { advance(Number($("seek").value)); draw(); };
  $("age").onchange = () => {
    const age = Number($("age").value);
    if (!(age >= 5 && age <= 110)) return say("Give an age from 5 to 110 years.");
    own.age = age;
    pick();
  };
  $("file").onchange = async () => {
    await open($("file").files[0]);
    $("file").value = ""; // the same file may be chosen again
  };
  document.ondragover = (event) => { event.preventDefault(); document.body.classList.add("over"); };
  document.ondragleave = () => document.body.classList.remove("over");
  document.ondrop = (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  };
  const stage = (n) => () => { state.stage = n; strips(); };
  $("person").onchange = $("again").onclick = $("k").oninput = stage(0);
  $("mark").onclick = stage(1);
  $("learn").onclick = stage(2);
  onresize = draw;
}

/** In a frame of the book: as tall as its content, light or dark as the book's own switch says. */
function dress() {
  const root = document.documentElement;
  matchMedia("(prefers-color-scheme: dark)").onchange = draw;
  try {
    if (!frameElement) return;
    const outer = parent.document.documentElement;
    const follow = () => { root.dataset.theme = outer.dataset.theme ?? ""; draw(); };
    new MutationObserver(follow).observe(outer, { attributeFilter: ["data-theme"] });
    follow();
    const grow = () => { frameElement.style.height = `${root.querySelector("main").offsetHeight}px`; };
    new ResizeObserver(grow).observe(root.querySelector("main"));
  } catch { /* a page may not look at one from elsewhere: the system's choice stands */ }
}

/** The recording with the most classes, the first of them. */
function liveliest(person) {
  const kinds = person.recordings.map((r) => new Set(r.y).size);
  return kinds.indexOf(Math.max(...kinds));
}

async function begin() {
  Object.assign(state, { people: await people(), prior: prior() });
  $("parameters").textContent = student.parameters.toLocaleString("en");
  $("legend").innerHTML = student.names.map((_, k) => `<li>${dot(k)}<span></span></li>`).join("");
  student.names.forEach((name, k) => { $("legend").children[k].lastChild.textContent = name; });
  const speeds = SPEEDS.map((s) => [`${s.toLocaleString("en")}×`, s]);
  buttons($("speeds"), speeds, () => state.speed, (s) => { state.speed = s; });
  state.people.forEach((person, p) => {
    person.recordings.forEach((r, i) => {
      const long = Math.round(r.length / student.rate_hz / 60);
      $("recording").add(new Option(`${person.name}, recording ${i + 1} (${long} min)`, `${p} ${i}`));
    });
    $("person").add(new Option(`${person.name}, ${person.why}`, p));
  });
  $("length").textContent = `${student.samples / student.rate_hz} s`;
  $("real").textContent = simulated ? "All athletes here are simulated."
    : "These are recordings of real people: keep this page to yourself.";
  $("meaning").textContent = student.meaning;
  $("k").max = $("k").value = told.k;
  const step_s = student.stride / student.rate_hz;
  $("cost").textContent =
    `Every ${step_s < 1 ? step_s.toFixed(1) : step_s} s a step of about ` +
    `${student.macs.toLocaleString("en")} multiplications, in plain JavaScript. Between two steps ` +
    "it remembers only what its convolutions reach.";
  listen();
  dress();
  $("teach").hidden = !(state.people.length && state.prior);
  $("all").hidden = !told.gains.length;
  $("choice").hidden = !state.people.length;
  const readable = student.channels.some((name) => FILE_CHANNELS.includes(name));
  $("drop").hidden = $("hint").hidden = !readable;
  $("about").textContent = readable ? "Open a recording of your own."
    : `No training file holds what this student reads: ${student.channels.join(", ")}.`;
  if (told.gains.length) others();
  if (!$("teach").hidden) strips();
  if (!state.people.length) return;
  $("recording").value = `0 ${liveliest(state.people[0])}`;
  pick();
}

window.sportsml = { ready: begin(), told, net, state, own, Stream, features, learn, logits, masked,
  softmax, windows, exam, models, read, share, readFile, advance, trackOfFile };
