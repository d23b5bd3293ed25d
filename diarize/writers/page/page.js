// The page: player, speakers, downloads, and the list of edits with its undo and redo.

const $ = (id) => document.getElementById(id);
const resultText = $("result").textContent;
const facts = JSON.parse($("facts").textContent);
const base = stateOf(JSON.parse(resultText));
const widths = widthsFrom(facts.widths);
const FORMATS = { srt: toSrt, vtt: toVtt, txt: toTxt, rttm: toRttm, json: toJson };
const STEP = 3, FOLLOW_PAUSE = 4000; // seconds, milliseconds after scrolling by hand
const STORE = `diarize:${facts.recording ?? ""}:${facts.key}`;

const audio = $("audio");
let edits = [], steps = [], undone = [], state = base, rows = [], order = [], places = [];
// edits are made in steps of one or more, which undo takes back as one
let picked = null; // a range of words: { row, first, last }
let chosen = null; // a turn clicked in the lanes
let zoom = innerWidth < 600 ? 40 : 90, silentTime = 0, scrolledAt = 0;

const duration = Math.max(Number(base.block.duration), ...base.turns.map((turn) => turn.end), 0.001);
const sound = { rate: facts.rate, peaks: Uint8Array.from(atob(facts.peaks), (one) => one.charCodeAt(0)) };

/** Make an element; its text is never taken for markup. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// colours stay with the speakers of the page as it was written; new ones get the next
const labels = base.speakers.map(({ label }) => label);
function styleFor(label) {
  if (!labels.includes(label)) labels.push(label);
  return styleOf(labels.indexOf(label), facts.colours);
}
function swatch(label, text = "") {
  const { colour, pattern } = styleFor(label);
  const element = make("span", { className: `swatch ${pattern}`, textContent: text });
  element.style.setProperty("--colour", colour);
  element.setAttribute("aria-hidden", "true");
  return element;
}
const named = (name) => state.speakers.find((one) => display(one) === name);

// --- edits ------------------------------------------------------------------------------------

function load() {
  try {
    const stored = server ? { edits: server.edits, undone: [] } : JSON.parse(localStorage.getItem(STORE) ?? "null");
    if (!stored) return;
    ({ undone } = stored);
    for (const edit of stored.edits) {
      try { // an edit of before that is refused by now takes no other with it
        state = applyEdits(state, [edit]);
        edits.push(edit);
      } catch (error) { tell(error.message); }
    }
    const all = edits.length === stored.edits.length;
    steps = all && stored.steps ? stored.steps : edits.map(() => 1);
  } catch (error) { state = base; edits = []; steps = []; undone = []; }
}

function keep() {
  if (server) return keepOnServer();
  try {
    if (edits.length || undone.length) localStorage.setItem(STORE, JSON.stringify({ edits, steps, undone }));
    else localStorage.removeItem(STORE);
  } catch (error) { tell("This browser keeps no corrections: download them before you leave."); }
}

/** Make edits that belong together: one step for undo. */
function perform(...made) {
  try {
    state = applyEdits(state, made);
  } catch (error) { return tell(error.message); }
  edits.push(...made);
  steps.push(made.length);
  undone = [];
  changed();
}

function undo() {
  if (!edits.length) return;
  undone.push(edits.splice(-steps.pop()));
  state = applyEdits(base, edits);
  changed();
}

function redo() {
  if (!undone.length) return;
  const made = [undone.pop()].flat();
  edits.push(...made);
  steps.push(made.length);
  state = applyEdits(base, edits);
  changed();
}

function changed() {
  keep();
  refresh();
}

/** Give the selected turns, the picked words, or else the turn at the playhead, to somebody. */
function giveTo(to) {
  const ranges = selectedRanges() ?? [pickedRange() ?? chosenRange() ?? rowRange()].filter(Boolean);
  picked = chosen = null;
  if (ranges.length) perform(...reassignments(ranges, to));
}

/** Return the edits that give stretches to somebody; a new speaker gets all of them. */
function reassignments(ranges, to) {
  let next = state;
  return ranges.map((what) => {
    const edit = { edit: "reassign", ...what, to };
    const before = new Set(next.speakers.map(({ label }) => label));
    next = applyEdits(next, [edit]);
    if (to === "+") to = next.speakers.find(({ label }) => !before.has(label))?.label ?? to;
    return edit;
  });
}

const stretch = (start, end, speaker) => ({
  start: Math.floor(start * 1000) / 1000, end: Math.max(Math.ceil(end * 1000), Math.floor(start * 1000) + 1) / 1000,
  speaker });
function pickedRange() {
  if (!picked) return null;
  const row = rows[picked.row], words = row.words.slice(picked.first, picked.last + 1);
  return stretch(words[0].start, Math.max(...words.map((word) => word.end)), named(row.speaker)?.label ?? null);
}
const chosenRange = () => (chosen ? stretch(chosen.start, chosen.end, chosen.speaker) : null);
function rowRange(place = transcript.current) {
  const row = rows[place];
  return row ? stretch(row.start, row.end, named(row.speaker)?.label ?? null) : null;
}

// --- drawing ----------------------------------------------------------------------------------

const transcript = new Transcript($("transcript"), $("rows"), { row: rowElement });

function refresh() {
  rows = rowsOf(state);
  order = state.speakers;
  places = unsurePlaces();
  transcript.show(rows);
  clearSelection();
  drawSpeakers();
  $("undo").disabled = !edits.length;
  $("redo").disabled = !undone.length;
  $("unsure").textContent = places.length;
  $("next").disabled = !places.length;
  summarize();
  draw();
}

function summarize() {
  const made = edits.length ? ` · ${edits.length} ${edits.length === 1 ? "correction" : "corrections"}` : "";
  $("summary").textContent = `${shortClock(duration)} · ${order.length} ${order.length === 1 ? "speaker" : "speakers"}${made}` +
    (keeping.note ? ` · ${keeping.note}` : "");
}

/** Return where a person had better listen, and why. */
function unsurePlaces() {
  const found = state.turns.filter((turn) => turn.unsure)
    .map((turn) => ({ at: turn.start, why: `does not sound much like ${display(need(state, turn.speaker))}`, turn }));
  let before = false;
  for (const row of rows) {
    for (const word of row.words) {
      if (word.unsure && !before) found.push({ at: word.start, why: "words where no speech was heard" });
      before = word.unsure;
    }
  }
  const known = new Map(found.reverse().map((one) => [one.at, one])); // turns go before words
  return [...known.values()].sort((one, other) => one.at - other.at);
}

function rowElement(row, place) {
  const speaker = named(row.speaker);
  const name = make("button", { type: "button", textContent: row.speaker ?? "Unknown", dir: "auto" });
  name.setAttribute("aria-haspopup", "menu");
  name.addEventListener("click", () => whoMenu(name, place));
  const box = make("input", { type: "checkbox", className: "pick", checked: selected.has(place) });
  box.setAttribute("aria-label", `Select what ${row.speaker ?? "somebody"} says at ${shortClock(row.start)}`);
  box.addEventListener("click", (event) => selectRow(place, box.checked, event.shiftKey));
  const head = make("div", { className: "head" }, box, name, make("time", { textContent: shortClock(row.start) }));
  if (state.turns.some((turn) => turn.unsure && turn.start < row.end && row.start < turn.end && turn.speaker === speaker?.label)) {
    head.append(make("span", { className: "badge", textContent: "unsure" }));
  }
  const text = make("p", { dir: "auto" });
  row.words.forEach((word, index) => {
    const blank = word.text.length - word.text.trimStart().length;
    if (blank && index) text.append(" ");
    const span = make("span", { className: `word${word.unsure ? " unsure" : ""}`, textContent: word.text.trim() });
    span.dataset.word = index;
    text.append(span);
  });
  const element = make("article", { className: "row" }, head, text);
  element.dataset.row = place;
  element.classList.toggle("chosen", selected.has(place));
  if (speaker) element.style.setProperty("--colour", styleFor(speaker.label).colour);
  if (picked?.row === place) markPicked(element);
  return element;
}

function markPicked(element) {
  element.querySelectorAll(".word").forEach((word) => {
    const index = Number(word.dataset.word);
    word.classList.toggle("picked", Boolean(picked) && picked.row === Number(element.dataset.row) &&
      picked.first <= index && index <= picked.last);
  });
}

function drawSpeakers() {
  const times = order.map(({ label }) => talkTime(state, label));
  const all = times.reduce((sum, time) => sum + time, 0) || 1;
  $("speakers").replaceChildren(...order.map((speaker, place) => {
    const input = make("input", { value: display(speaker), dir: "auto", spellcheck: false });
    input.setAttribute("aria-label", `Name of speaker ${place + 1}`);
    input.addEventListener("change", () => {
      if (oneLine(input.value) && input.value !== display(speaker)) {
        perform({ edit: "rename", speaker: speaker.label, name: oneLine(input.value) });
      } else input.value = display(speaker);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") input.blur();
      if (event.key === "Escape") { input.value = display(speaker); input.blur(); }
    });
    const more = make("button", { type: "button", className: "more", textContent: "⋯" });
    more.setAttribute("aria-label", `More for ${display(speaker)}`);
    more.setAttribute("aria-haspopup", "menu");
    more.addEventListener("click", () => speakerMenu(more, speaker));
    const { colour, pattern } = styleFor(speaker.label), share = times[place] / all;
    const fill = make("i", { className: pattern });
    fill.style.width = `${share * 100}%`;
    const item = make("li", { className: "person" }, swatch(speaker.label, place < 9 ? String(place + 1) : ""), input, more,
      make("span", { className: "bar" }, fill), make("span", { className: "share", dir: "auto",
        textContent: `${shortClock(times[place])} · ${Math.round(share * 100)} %${maybe(speaker)}` }),
      excerptButtons(speaker));
    item.style.setProperty("--colour", colour);
    return item;
  }));
}

const maybe = ({ proposal }) => (proposal ? ` · may be ${proposal.name} (${Number(proposal.score).toFixed(2)})` : "");

const time = () => (ready() ? audio.currentTime : silentTime);
const ready = () => audio.readyState > 0;
const colours = new Map();
const css = (name) => {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return colours.get(name);
};

function draw() {
  const now = time(), span = Math.min(zoom, duration);
  const from = Math.max(0, Math.min(duration - span, now - span * 0.35));
  const view = { from, to: from + span, time: now, duration, sound, turns: state.turns, speakers: order, unsure: places.map(({ at }) => at),
    css, style: styleFor, chosen };
  draw.view = view;
  drawOverview($("overview"), view);
  drawLanes($("lanes"), view);
  $("clock").textContent = `${shortClock(now)} / ${shortClock(duration)}`;
  const slider = $("overview");
  slider.setAttribute("aria-valuemax", String(Math.round(duration)));
  slider.setAttribute("aria-valuenow", String(Math.round(now)));
  slider.setAttribute("aria-valuetext", shortClock(now));
}

function tick() {
  if (stopAt !== null && time() >= stopAt) { stopAt = null; audio.pause(); }
  draw();
  transcript.mark(time(), Date.now() - scrolledAt > FOLLOW_PAUSE);
  if (!audio.paused) requestAnimationFrame(tick);
}

// --- playing ----------------------------------------------------------------------------------

function seek(to, { reveal = true } = {}) {
  const at = Math.max(0, Math.min(duration, to));
  silentTime = at;
  stopAt = null;
  if (ready()) audio.currentTime = at;
  draw();
  transcript.mark(at, reveal);
}

function play() {
  if (audio.error || !audio.getAttribute("src")) return missing();
  if (audio.paused) audio.play().catch(() => missing()); else { stopAt = null; audio.pause(); }
}

function missing() {
  const input = make("input", { type: "file", accept: "audio/*,video/*", hidden: true });
  input.addEventListener("change", () => {
    if (input.files[0]) { audio.src = URL.createObjectURL(input.files[0]); $("notice").hidden = true; drawSpeakers(); }
  });
  const button = make("button", { type: "button", textContent: "Choose the recording" });
  button.addEventListener("click", () => input.click());
  tell(facts.audio ? `The recording ${facts.name} is not where it was, or this browser cannot play it.`
    : "This page knows no recording.", button, input);
}

function tell(text, ...more) {
  $("notice").replaceChildren(text, ...more);
  $("notice").hidden = false;
}

function nextUnsure() {
  const place = places.find(({ at }) => at > time() + 0.05) ?? places[0];
  if (!place) return;
  seek(place.at);
  chosen = place.turn ?? null;
  $("why").textContent = `${places.indexOf(place) + 1} of ${places.length}: ${place.why}`;
  draw();
}

function neighbour(step) {
  const place = Math.max(0, Math.min(rows.length - 1, transcript.current + step));
  if (rows[place]) seek(rows[place].start);
}

/** Return the state with every number as Python spells it, which takes a while and files need. */
const exactState = () => applyEdits(stateOf(parseExactly(resultText)), edits);

function download(name, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "application/octet-stream" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function editsFile() {
  return JSON.stringify({ generator: base.block.generator, recording: facts.name, edits }, null, 2) + "\n";
}

function saveMenu() {
  openMenu($("save"), "As corrected", [
    ...Object.entries(FORMATS).map(([name, render]) =>
      [`${facts.stem}.${name}`, () => download(`${facts.stem}.${name}`, render(exactState(), widths))]),
    ["edits.json, for diarize relabel --edits", () => download("edits.json", editsFile())],
  ]);
}
