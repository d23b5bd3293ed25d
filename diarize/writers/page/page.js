// The page: player, speakers, menus, keys, and the list of edits with its undo and redo.

const $ = (id) => document.getElementById(id);
const resultText = $("result").textContent;
const facts = JSON.parse($("facts").textContent);
const base = stateOf(JSON.parse(resultText));
const widths = widthsFrom(facts.widths);
const FORMATS = { srt: toSrt, vtt: toVtt, txt: toTxt, rttm: toRttm, json: toJson };
const STEP = 3, FOLLOW_PAUSE = 4000; // seconds, milliseconds after scrolling by hand
const STORE = `diarize:${facts.recording ?? ""}:${facts.key}`;

const audio = $("audio");
let edits = [], undone = [], state = base, rows = [], order = [], places = [];
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
    const stored = JSON.parse(localStorage.getItem(STORE) ?? "null");
    if (!stored) return;
    state = applyEdits(base, stored.edits);
    ({ edits, undone } = stored);
  } catch (error) { state = base; edits = []; undone = []; }
}

function keep() {
  try {
    if (edits.length || undone.length) localStorage.setItem(STORE, JSON.stringify({ edits, undone }));
    else localStorage.removeItem(STORE);
  } catch (error) { tell("This browser keeps no corrections: download them before you leave."); }
}

function perform(edit) {
  try {
    state = applyEdits(state, [edit]);
  } catch (error) { return tell(error.message); }
  edits.push(edit);
  undone = [];
  changed();
}

function undo() {
  if (!edits.length) return;
  undone.push(edits.pop());
  state = applyEdits(base, edits);
  changed();
}

function redo() {
  if (!undone.length) return;
  edits.push(undone.pop());
  state = applyEdits(base, edits);
  changed();
}

function changed() {
  keep();
  refresh();
}

/** Give the picked words, or else the turn at the playhead, to somebody. */
function giveTo(to) {
  const what = pickedRange() ?? chosenRange() ?? rowRange();
  picked = chosen = null;
  if (what) perform({ edit: "reassign", ...what, to });
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
  drawSpeakers();
  $("undo").disabled = !edits.length;
  $("redo").disabled = !undone.length;
  $("unsure").textContent = places.length;
  $("next").disabled = !places.length;
  const made = edits.length ? ` · ${edits.length} ${edits.length === 1 ? "correction" : "corrections"}` : "";
  $("summary").textContent = `${shortClock(duration)} · ${order.length} ${order.length === 1 ? "speaker" : "speakers"}${made}`;
  draw();
}

function unsurePlaces() {
  const found = state.turns.filter((turn) => turn.unsure).map((turn) => turn.start);
  let before = false;
  for (const row of rows) {
    for (const word of row.words) {
      if (word.unsure && !before) found.push(word.start);
      before = word.unsure;
    }
  }
  return [...new Set(found)].sort((one, other) => one - other);
}

function rowElement(row, place) {
  const speaker = named(row.speaker);
  const name = make("button", { type: "button", textContent: row.speaker ?? "Unknown", dir: "auto" });
  name.setAttribute("aria-haspopup", "menu");
  name.addEventListener("click", () => whoMenu(name, place));
  const head = make("div", { className: "head" }, name, make("time", { textContent: shortClock(row.start) }));
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
      make("span", { className: "bar" }, fill), make("span", { className: "share",
        textContent: `${shortClock(times[place])} · ${Math.round(share * 100)} %` }));
    item.style.setProperty("--colour", colour);
    return item;
  }));
}

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
  const view = { from, to: from + span, time: now, duration, sound, turns: state.turns, speakers: order, unsure: places,
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
  draw();
  transcript.mark(time(), Date.now() - scrolledAt > FOLLOW_PAUSE);
  if (!audio.paused) requestAnimationFrame(tick);
}

// --- playing ----------------------------------------------------------------------------------

function seek(to, { reveal = true } = {}) {
  const at = Math.max(0, Math.min(duration, to));
  silentTime = at;
  if (ready()) audio.currentTime = at;
  draw();
  transcript.mark(at, reveal);
}

function play() {
  if (audio.error || !audio.getAttribute("src")) return missing();
  if (audio.paused) audio.play().catch(() => missing()); else audio.pause();
}

function missing() {
  const input = make("input", { type: "file", accept: "audio/*,video/*", hidden: true });
  input.addEventListener("change", () => {
    if (input.files[0]) { audio.src = URL.createObjectURL(input.files[0]); $("notice").hidden = true; }
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
  const place = places.find((one) => one > time() + 0.05) ?? places[0];
  if (place === undefined) return;
  seek(place);
  chosen = state.turns.find((turn) => turn.unsure && turn.start === place) ?? null;
  draw();
}

function neighbour(step) {
  const place = Math.max(0, Math.min(rows.length - 1, transcript.current + step));
  if (rows[place]) seek(rows[place].start);
}

// --- menus ------------------------------------------------------------------------------------

function openMenu(anchor, title, items) {
  const menu = $("menu");
  menu.replaceChildren(make("p", { textContent: title, dir: "auto" }), ...items.map(([text, action, mark]) => {
    const button = make("button", { type: "button" }, ...(mark ? [mark] : []), make("span", { textContent: text, dir: "auto" }));
    button.setAttribute("role", "menuitem");
    button.addEventListener("click", () => { closeMenu(); action(); });
    return button;
  }));
  menu.hidden = false;
  const box = anchor.getBoundingClientRect(), size = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  menu.style.top = `${box.bottom + size.height + 8 > innerHeight ? Math.max(8, box.top - size.height - 4) : box.bottom + 4}px`;
  openMenu.anchor = anchor;
  anchor.setAttribute("aria-expanded", "true");
  menu.querySelector("button")?.focus({ preventScroll: true });
}

function closeMenu() {
  $("menu").hidden = true;
  openMenu.anchor?.setAttribute("aria-expanded", "false");
}

const everybody = (action) => [
  ...order.map((one, place) => [display(one), () => action(one.label), swatch(one.label, place < 9 ? String(place + 1) : "")]),
  ["A new speaker", () => action("+")],
];

function whoMenu(anchor, place) {
  const what = rowRange(place), row = rows[place];
  const items = everybody((to) => perform({ edit: "reassign", ...what, to }));
  if (what.speaker !== null && row.start > 0) {
    items.push([`Split ${row.speaker} here`, () => perform({ edit: "split", speaker: what.speaker, at: what.start, to: "+" })]);
  }
  openMenu(anchor, "Who says this?", items);
}

function speakerMenu(anchor, speaker) {
  const others = order.filter((one) => one !== speaker);
  openMenu(anchor, display(speaker), [
    ["Hear the longest turn", () => {
      const mine = state.turns.filter((turn) => turn.speaker === speaker.label);
      const longest = mine.reduce((best, turn) => (turn.end - turn.start > best.end - best.start ? turn : best), mine[0]);
      if (longest) { seek(longest.start); if (audio.paused) play(); }
    }],
    ["Split at the playhead", () => perform({ edit: "split", speaker: speaker.label, at: Math.floor(time() * 1000) / 1000, to: "+" })],
    ...others.map((one) => [`Is the same as ${display(one)}`,
      () => perform({ edit: "merge", speakers: [one.label, speaker.label] }), swatch(one.label)]),
  ]);
}

/** Offer who is to have the picked words. */
function pickedMenu() {
  const words = document.querySelectorAll(".word.picked");
  if (words.length) openMenu(words[words.length - 1], "Who says these words?", everybody(giveTo));
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

// --- what the user does -----------------------------------------------------------------------

function pickFromSelection() {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return false;
  const range = selection.getRangeAt(0);
  const words = [...$("rows").querySelectorAll(".word")].filter((word) => range.intersectsNode(word));
  if (!words.length) return false;
  const row = Number(words[0].closest(".row").dataset.row);
  const own = words.filter((word) => Number(word.closest(".row").dataset.row) === row).map((word) => Number(word.dataset.word));
  pick({ row, first: Math.min(...own), last: Math.max(...own) });
  selection.removeAllRanges();
  pickedMenu();
  return true;
}

function pick(range) {
  picked = range;
  transcript.shown.forEach(markPicked);
}

$("rows").addEventListener("mouseup", (event) => {
  if (event.button === 0 && pickFromSelection()) pick.justNow = true;
});
$("rows").addEventListener("click", (event) => {
  if (pick.justNow) { pick.justNow = false; return; }
  const word = event.target.closest(".word");
  if (!word) return;
  const row = Number(word.closest(".row").dataset.row), index = Number(word.dataset.word);
  if (event.shiftKey && rows[row]) {
    const from = picked?.row === row ? picked.first : transcript.current === row ? Number(transcript.word?.dataset.word ?? index) : index;
    pick({ row, first: Math.min(from, index), last: Math.max(from, index) });
    pickedMenu();
    return;
  }
  pick(null);
  chosen = null;
  seek(rows[row].words[index].start, { reveal: false });
});

function dragging(canvas, instant) {
  const move = (event) => seek(instant(event));
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); move(event); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) move(event); });
}
dragging($("overview"), (event) => {
  const box = $("overview").getBoundingClientRect();
  return ((event.clientX - box.left) / box.width) * duration;
});
$("lanes").addEventListener("click", (event) => {
  const box = $("lanes").getBoundingClientRect(), { from, to } = draw.view;
  const at = from + ((event.clientX - box.left) / box.width) * (to - from);
  const speaker = order[Math.floor((event.clientY - box.top - AXIS) / laneHeight(order.length, box.width))];
  chosen = state.turns.find((turn) => turn.speaker === speaker?.label && turn.start <= at && at < turn.end) ?? null;
  seek(chosen ? chosen.start : at);
});
$("transcript").addEventListener("wheel", () => { scrolledAt = Date.now(); }, { passive: true });
$("transcript").addEventListener("touchmove", () => { scrolledAt = Date.now(); }, { passive: true });

$("play").addEventListener("click", play);
$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("next").addEventListener("click", nextUnsure);
$("save").addEventListener("click", saveMenu);
$("help").addEventListener("click", () => $("keys").showModal());
$("speed").addEventListener("change", () => { audio.playbackRate = Number($("speed").value); });
$("in").addEventListener("click", () => { zoom = Math.max(5, Math.min(zoom, duration) / 2); draw(); });
$("out").addEventListener("click", () => { zoom = Math.min(duration, zoom * 2); draw(); });
for (const [kind, playing] of [["play", true], ["pause", false], ["ended", false]]) {
  audio.addEventListener(kind, () => {
    $("play").classList.toggle("playing", playing);
    $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    tick();
  });
}
audio.addEventListener("error", missing);
audio.addEventListener("loadedmetadata", () => { if (silentTime) audio.currentTime = silentTime; });
audio.addEventListener("seeked", () => { draw(); });
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours.clear(); draw(); });
document.addEventListener("pointerdown", (event) => { if (!$("menu").contains(event.target)) closeMenu(); });

document.addEventListener("keydown", (event) => {
  const menu = $("menu");
  if (!menu.hidden && ["ArrowDown", "ArrowUp", "Escape"].includes(event.key)) {
    event.preventDefault();
    if (event.key === "Escape") { closeMenu(); openMenu.anchor?.focus?.(); return; }
    const items = [...menu.querySelectorAll("button")], step = event.key === "ArrowDown" ? 1 : -1;
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    return;
  }
  if (event.key === "Escape") { pick(null); chosen = null; draw(); return; }
  if ($("keys").open || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "z") { event.preventDefault(); (event.shiftKey ? redo : undo)(); return; }
  if (command && event.key.toLowerCase() === "y") { event.preventDefault(); redo(); return; }
  if (command || event.altKey) return;
  const number = /^Digit(\d)$/.exec(event.code)?.[1] ?? (/^\d$/.test(event.key) ? event.key : null);
  const actions = { " ": play, ArrowLeft: () => seek(time() - STEP), ArrowRight: () => seek(time() + STEP),
    ArrowUp: () => neighbour(-1), ArrowDown: () => neighbour(1), n: nextUnsure };
  if (number !== null) {
    closeMenu();
    if (number === "0") giveTo("+");
    else if (order[number - 1]) giveTo(order[number - 1].label);
  } else if (actions[event.key] && !(event.key === " " && event.target.closest("button"))) actions[event.key]();
  else return;
  event.preventDefault();
});

// --- begin ------------------------------------------------------------------------------------

$("title").textContent = facts.name;
if (facts.embedded) {
  const bytes = Uint8Array.from(atob(facts.embedded), (one) => one.charCodeAt(0));
  audio.src = URL.createObjectURL(new Blob([bytes], { type: "audio/ogg" }));
} else if (facts.audio) audio.src = facts.audio;
else $("play").disabled = true;
load();
refresh();
