// The list of edits, applied as diarize.relabel.apply_edits does it. States are never changed.

const SLIVER = 0.2; // as in diarize.reassign

const seconds = (value, otherwise) => (value === null || value === undefined ? otherwise : Number(value));
const display = (speaker) => speaker.name ?? speaker.label;

/** Return the state that a result's JSON describes. */
function stateOf(doc) {
  const { diarization: block, ...transcript } = doc;
  const turns = block.turns.map((turn) => ({ ...turn, start: Number(turn.start), end: Number(turn.end) }));
  return ordered({ block, turns, speakers: block.speakers, relabelling: block.relabelling ?? null,
    transcript: "segments" in transcript ? transcript : null });
}

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/** Put turns in order of time and speakers in order of appearance. */
function ordered(state) {
  const turns = [...state.turns].sort((one, other) =>
    one.start - other.start || one.end - other.end || compare(one.speaker, other.speaker));
  const present = new Set(turns.map((turn) => turn.speaker));
  const known = new Map(state.speakers.map((speaker) => [speaker.label, speaker]));
  const speakers = [...present].map((label) => known.get(label) ?? newSpeaker(label, null));
  speakers.push(...state.speakers.filter((speaker) => !present.has(speaker.label)));
  return { ...state, turns, speakers };
}

const newSpeaker = (label, name) =>
  ({ label, name, score: null, margin: null, candidates: [], proposal: null });

function findSpeaker(state, key) {
  const found = state.speakers.find((one) => one.label === key) ??
    state.speakers.find((one) => display(one) === key);
  if (found || !/^\d+$/.test(key)) return found;
  const numbered = state.speakers.filter((one) => Number(/\d+$/.exec(one.label)?.[0] ?? NaN) === Number(key));
  return numbered.length === 1 ? numbered[0] : undefined;
}

function need(state, key) {
  const found = findSpeaker(state, key);
  if (!found) throw new Error(`there is no speaker ${key}`);
  return found;
}

const relabellingOf = (state) => state.relabelling ?? {
  labels: Object.fromEntries(state.speakers.map(({ label }) => [asKey(label), label])), names: {}, edits: [],
};

/** Return the state after a list of edits. */
function applyEdits(state, edits) {
  for (const edit of edits) {
    const [changed, done] = applied(state, edit);
    const known = relabellingOf(changed);
    const relabelling = "edits" in known ? { ...known, edits: [...known.edits, done] } : known;
    state = { ...changed, relabelling };
  }
  return state;
}

function applied(state, edit) {
  if (edit.edit === "rename") {
    const name = trim(edit.name);
    if (!name) throw new Error("a name is empty");
    const { label } = need(state, edit.speaker);
    return [renamed(state, label, name), { edit: "rename", speaker: label, name }];
  }
  if (edit.edit === "merge" || edit.edit === "swap") {
    const labels = edit.speakers.map((key) => need(state, key).label);
    const pairs = edit.edit === "swap"
      ? [[labels[0], labels[1]], [labels[1], labels[0]]]
      : labels.filter((label) => label !== labels[0]).map((label) => [label, labels[0]]);
    return [movedSpeakers(state, new Map(pairs)), { edit: edit.edit, speakers: labels }];
  }
  return reassigned(state, edit);
}

function movedSpeakers(state, moves) {
  const to = (label) => moves.get(label) ?? label;
  const targets = new Set(moves.values());
  const speakers = state.speakers.filter(({ label }) => !moves.has(label) || targets.has(label));
  const kept = new Set(speakers.map(({ label }) => label));
  const shown = new Map([...moves].map(([old, now]) => [display(need(state, old)), display(need(state, now))]));
  const known = relabellingOf(state);
  const relabelling = { ...known,
    labels: Object.fromEntries(Object.entries(known.labels).map(([found, now]) => [found, to(now)])),
    names: keptNames(known.names, kept) };
  const turns = state.turns.map((turn) => ({ ...turn, speaker: to(turn.speaker) }));
  return withSpeakers(ordered({ ...state, turns, speakers, relabelling }), (name) => shown.get(name) ?? name);
}

const keptNames = (names, kept) =>
  Object.fromEntries(Object.entries(names).filter(([key]) => kept.has(fromKey(key))));

function renamed(state, label, name) {
  const same = state.speakers.find((one) => display(one) === name && one.label !== label);
  if (same) return movedSpeakers(state, new Map([[label, same.label]]));
  const old = display(need(state, label));
  const speakers = state.speakers.map((one) =>
    one.label === label ? { ...newSpeaker(label, name), candidates: one.candidates } : one);
  const known = relabellingOf(state);
  const relabelling = { ...known, names: { ...known.names, [asKey(label)]: name } };
  return withSpeakers({ ...state, speakers, relabelling }, (shown) => (shown === old ? name : shown));
}

function withSpeakers(state, newName) {
  if (!state.transcript) return state;
  const one = (item) => {
    if (item === null || typeof item !== "object" || Array.isArray(item) || item instanceof Raw) return item;
    const copied = { ...item };
    if (typeof copied.speaker === "string") copied.speaker = newName(copied.speaker);
    if (Array.isArray(copied.words)) copied.words = copied.words.map(one);
    return copied;
  };
  const transcript = { ...state.transcript };
  for (const key of ["segments", "word_segments", "words"]) {
    if (Array.isArray(transcript[key])) transcript[key] = transcript[key].map(one);
  }
  return { ...state, transcript };
}

function reassigned(state, edit) {
  const target = targetOf(state, edit.to);
  const isNew = !state.speakers.includes(target);
  const source = edit.speaker === null || edit.speaker === undefined ? null : need(state, edit.speaker);
  const [start, end] = edit.edit === "split" ? [edit.at, Infinity] : [edit.start, edit.end];
  const last = endOf(state);
  if (start >= last) throw new Error(`${Number(start)} s is not in the recording, which ends at ${last} s`);
  const known = relabellingOf(state);
  const [turns, slivers] = movedTurns(state, { start, end, target, source });
  const transcript = state.transcript && movedTranscript(state, { start, end, target, source, slivers });
  const present = new Set(turns.map((turn) => turn.speaker));
  const had = new Set(state.turns.map((turn) => turn.speaker));
  const named = namesIn(transcript), were = namesIn(state.transcript);
  const remains = (one) => present.has(one.label) || named.has(display(one)) ||
    (!had.has(one.label) && !were.has(display(one)));
  const speakers = state.speakers.filter(remains);
  const used = present.has(target.label) || named.has(display(target));
  if (!speakers.includes(target) && used) speakers.push(target);
  if (source && (isNew || edit.edit === "split") && unmoved(state, turns, transcript)) {
    throw new Error(`${display(source)} says nothing from ${Number(start)} s on that could be ${display(target)}'s`);
  }
  const names = keptNames(known.names, new Set(speakers.map(({ label }) => label)));
  if (isNew && target.name !== null && used) names[asKey(target.label)] = target.name;
  const changed = ordered({ ...state, turns, speakers, transcript, relabelling: { ...known, names } });
  const to = isNew ? display(target) : target.label;
  const done = edit.edit === "split"
    ? { edit: "split", speaker: source.label, at: Number(edit.at), to }
    : { edit: "reassign", start: Number(edit.start), end: Number(edit.end), to, speaker: source && source.label };
  return [changed, done];
}

/** Return where a recording ends, or what is said in it if that is later. */
function endOf(state) {
  const ends = [...state.turns, ...utterancesOf(state)].map((one) => one.end);
  return ends.reduce((last, end) => Math.max(last, end), Number(state.block.duration));
}

const namesIn = (transcript) => new Set((transcript?.segments ?? [])
  .flatMap((segment) => [segment, ...(segment.words ?? [])]).map((one) => one.speaker));

const unmoved = (state, turns, transcript) => turns.length === state.turns.length &&
  turns.every((turn) => state.turns.some((one) =>
    one.start === turn.start && one.end === turn.end && one.speaker === turn.speaker)) &&
  (!transcript || writeExactly(transcript) === writeExactly(state.transcript));

function targetOf(state, key) {
  key = trim(key);
  const found = findSpeaker(state, key);
  if (found) return found;
  if (!key || /^\d+$/.test(key)) throw new Error(`there is no speaker ${key}`);
  if (/^SPEAKER_\d\d+$/.test(key)) return newSpeaker(key, null);
  for (let number = 0; ; number += 1) {
    const label = `SPEAKER_${String(number).padStart(2, "0")}`;
    if (!state.speakers.some((one) => one.label === label)) return newSpeaker(label, key === "+" ? null : key);
  }
}

function movedTurns(state, { start, end, target, source }) {
  const kept = [], changed = [], moved = [], slivers = [];
  let heard = false;
  for (const turn of state.turns) {
    const from = Math.max(turn.start, start), to = Math.min(turn.end, end);
    heard ||= to > from;
    if (to <= from || (source && turn.speaker !== source.label)) kept.push(turn);
    else if (turn.speaker === target.label) kept.push({ ...turn, unsure: false });
    else {
      const first = from - turn.start < SLIVER ? turn.start : from;
      const last = turn.end - to < SLIVER ? turn.end : to;
      moved.push({ start: first, end: last });
      if (first !== from || last !== to) {
        slivers.push({ start: first, end: last, name: shownName(state, turn.speaker) });
      }
      if (first > turn.start) changed.push({ ...turn, end: first });
      if (last < turn.end) changed.push({ ...turn, start: last });
    }
  }
  const duration = Number(state.block.duration);
  if (!heard && !source) moved.push({ start, end: Math.min(end, Math.max(start, duration)) });
  const own = union(kept.filter((turn) => turn.speaker === target.label));
  for (const part of difference(union(moved), own)) {
    changed.push({ start: part.start, end: part.end, speaker: target.label, confidence: null, overlap: false,
      unsure: false });
  }
  const all = [...kept, ...changed];
  const overlapped = (turn) => all.some((other) =>
    other.speaker !== turn.speaker && other.start < turn.end && turn.start < other.end);
  return [[...kept, ...changed.map((turn) => ({ ...turn, overlap: overlapped(turn) }))], slivers];
}

/** Join stretches that overlap or touch. */
function union(parts) {
  const joined = [];
  const sorted = parts.filter(({ start, end }) => end > start)
    .sort((one, other) => one.start - other.start || one.end - other.end);
  for (const { start, end } of sorted) {
    const last = joined.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** Return what is left of stretches outside of holes; both are in order and disjoint. */
function difference(parts, holes) {
  const left = [];
  for (let { start, end } of parts) {
    for (const hole of holes) {
      if (hole.end <= start || hole.start >= end) continue;
      if (hole.start > start) left.push({ start, end: hole.start });
      start = Math.max(start, hole.end);
    }
    if (start < end) left.push({ start, end });
  }
  return left;
}

function movedTranscript({ transcript, turns }, move) {
  let segments = [];
  const flags = [], speech = union(turns);
  const before = transcript.segments ?? [];
  for (const segment of before) {
    const own = segment.words?.length;
    const texts = own ? segment.words.map((word) => String(word.word ?? "")) : tokensOf(String(segment.text || ""));
    if (!texts.length) texts.push("");
    const times = own ? bounds(segment)
      : layOut(texts, seconds(segment.start, 0), seconds(segment.end, 0), speech);
    const moving = own ? movingWords(segment, move)
      : times.map(([start, end]) => takes(move, segment.speaker, 0.5 * (start + end)));
    if (own) flags.push(...moving);
    segments.push(...movedSegment(segment, texts, times, moving, move));
  }
  if (segments.length > before.length) segments = renumbered(segments);
  const changed = { ...transcript, segments };
  for (const key of ["word_segments", "words"]) {
    const flat = transcript[key];
    if (Array.isArray(flat) && flat.length === flags.length) {
      changed[key] = flat.map((word, place) => (flags[place] && word && typeof word === "object" ? given(word, move) : word));
    }
  }
  return changed;
}

function renumbered(segments) {
  const first = segments[0].id;
  if (!segments.every(({ id }) => id instanceof Raw && /^-?\d+$/.test(id.source))) return segments;
  return segments.map((segment, place) => ({ ...segment, id: integer(Number(first) + place) }));
}

function takes({ start, end, source, slivers }, speaker, instant) {
  if (start <= instant && instant < end) return !source || speaker === display(source);
  return slivers.some((part) => speaker === part.name && part.start <= instant && instant < part.end);
}

function movingWords(segment, move) {
  let instant = seconds(segment.start, 0);
  return segment.words.map((word) => {
    if (seconds(word.start, null) !== null && seconds(word.end, null) !== null) {
      instant = 0.5 * (Number(word.start) + Number(word.end));
    }
    return takes(move, word.speaker || segment.speaker, instant);
  });
}

function movedSegment(segment, texts, times, moving, move) {
  if (!moving.includes(true)) return [segment];
  const changed = { ...segment };
  if (segment.words?.length) {
    changed.words = segment.words.map((word, place) => (moving[place] ? given(word, move) : word));
  }
  const runs = [];
  moving.forEach((flag, place) => {
    if (place && moving[place - 1] === flag) runs.at(-1).stop = place + 1;
    else runs.push({ start: place, stop: place + 1, flag });
  });
  return splitSegment(changed, texts, times, runs).map((piece, place) => (runs[place].flag ? given(piece, move) : piece));
}

function bounds(segment) {
  let clock = seconds(segment.start, 0);
  return segment.words.map((word) => {
    const start = seconds(word.start, clock);
    clock = seconds(word.end, start);
    return [start, clock];
  });
}

function given(item, move) {
  const { unsure, ...changed } = item;
  changed.speaker = display(move.target);
  return changed;
}

function splitSegment(segment, words, times, runs) {
  if (runs.length <= 1) return [segment];
  const texts = splitText(String(segment.text ?? ""), words, runs.map((run) => run.start));
  return runs.map((run, place) => {
    const piece = { ...segment, text: texts[place] };
    if (place) piece.start = times[run.start][0];
    if (place + 1 < runs.length) piece.end = Math.max(...times.slice(run.start, run.stop).map(([, end]) => end));
    piece.end = Number(piece.start) >= Number(piece.end) ? piece.start : piece.end;
    if (segment.words?.length) piece.words = segment.words.slice(run.start, run.stop);
    return piece;
  });
}

/** Return the JSON document of a state, as the JSON writer makes it. */
function documentOf(state) {
  const { block } = state;
  const sure = new Map(block.speakers.map(({ label, confidence }) => [label, confidence ?? null]));
  const float = (value) => (value === null || value === undefined ? null : Number(value));
  const turnsOf = (label) => state.turns.filter((turn) => turn.speaker === label);
  const diarization = {
    generator: block.generator, audio: block.audio, uri: block.uri, duration: Number(block.duration),
    model: block.model, parameters: block.parameters,
    speakers: state.speakers.map((speaker) => ({
      label: speaker.label, name: speaker.name, score: speaker.score, margin: speaker.margin,
      candidates: speaker.candidates, proposal: speaker.proposal, confidence: float(sure.get(speaker.label)), talk_time: talkTime(state, speaker.label),
      turns: integer(turnsOf(speaker.label).length) })),
    speaker_counts: Object.fromEntries(Object.entries(block.speaker_counts ?? {}).map(([count, chance]) => [count, float(chance)])),
    turns: state.turns,
    speech: block.speech.length ? block.speech.map((part) => part.map(Number))
      : union(state.turns).map(({ start, end }) => [start, end]),
    warnings: block.warnings,
    ...(state.relabelling ? { relabelling: state.relabelling } : {}),
  };
  return { ...(state.transcript ?? {}), diarization };
}

function talkTime(state, label) {
  const parts = union(state.turns.filter((turn) => turn.speaker === label));
  if (!parts.length) return integer(0);
  return rounded(parts.reduce((sum, { start, end }) => sum + (end - start), 0), 3);
}
