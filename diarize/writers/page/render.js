// Text formats, as diarize's writers render them without options.

// What Python takes for white space.
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const ONE_SPACE = new RegExp(`[${SPACE}]`), SPACES = new RegExp(`[${SPACE}]+`, "g");
const EDGES = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "g");

const isSpace = (text) => ONE_SPACE.test(text);
const trim = (text) => text.replace(EDGES, "");
const oneLine = (text) => trim(text.replace(/[\x00-\x1f\x7f]/g, " ").replace(SPACES, " "));
const field = (text) => trim(text).replace(SPACES, "_") || "_";
const length = (text) => [...text].length;

/** Round half to even, as Python does: to whole numbers, or to three digits. */
function rounded(value, digits = 0) {
  if (digits && (value * 16) % 2 === 1) return rounded(value * 1000) / 1000; // the only ties there are
  if (digits) return Number(value.toFixed(digits));
  const floor = Math.floor(value), rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2) ? floor + 1 : floor;
}

const two = (value) => String(value).padStart(2, "0");
const wholeClock = (time) => {
  const whole = Math.trunc(time);
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
};
function stamp(time, mark) {
  const whole = rounded(time * 1000), minutes = Math.floor(whole / 60000), rest = whole % 60000;
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(Math.floor(rest / 1000))}` +
    `${mark}${String(rest % 1000).padStart(3, "0")}`;
}

const shownName = (state, label) => {
  const found = state.speakers.find((one) => one.label === label);
  return found ? display(found) : label;
};

/** Return what was said by whom; without a transcript the turns, with no text. */
function utterancesOf(state) {
  if (!state.transcript) {
    return state.turns.map(({ start, end, speaker }) =>
      ({ start, end, speaker: shownName(state, speaker), text: "", words: [] }));
  }
  return (state.transcript.segments ?? []).map((segment) => {
    const start = seconds(segment.start, 0), end = Math.max(start, seconds(segment.end, 0));
    return { start, end, speaker: segment.speaker ?? null, text: oneLine(String(segment.text || "")),
      words: segment.words ?? [] };
  }).filter((part) => part.text);
}

const UNSPACED = [[0xe00, 0xeff], [0x1000, 0x109f], [0x1780, 0x17ff], [0x3000, 0x30ff], [0x3400, 0x4dbf],
  [0x4e00, 0x9fff], [0xf900, 0xfaff], [0xff00, 0xffef], [0x20000, 0x3ffff]];
const isUnspaced = (character) => {
  const code = character.codePointAt(0);
  return UNSPACED.some(([first, last]) => first <= code && code <= last);
};

function joinTexts(one, other) {
  const last = [...one].at(-1), first = [...other][0];
  const spaced = one && other && !isSpace(last) && !isSpace(first) && !isUnspaced(last) && !isUnspaced(first);
  return one + (spaced ? " " : "") + other;
}

const PARAGRAPH_SECONDS = 45, PARAGRAPH_PAUSE = 1.5; // as in diarize.result

function paragraphsOf(state) {
  const joined = [];
  for (const part of utterancesOf(state)) {
    const last = joined.at(-1);
    if (last && last.speaker === part.speaker &&
        !(last.end - last.start > PARAGRAPH_SECONDS && part.start - last.end > PARAGRAPH_PAUSE)) {
      last.end = Math.max(last.end, part.end);
      last.text = joinTexts(last.text, part.text);
    } else joined.push({ ...part });
  }
  return joined;
}

function toTxt(state) {
  return paragraphsOf(state).map((part) =>
    `${oneLine(part.speaker || "Unknown")} (${wholeClock(part.start)})` +
    (part.text ? `: ${part.text}\n` : ` to ${wholeClock(part.end)}\n`)).join("\n");
}

function toRttm(state) {
  const uri = field(state.block.uri);
  return state.turns.map((turn) => `SPEAKER ${uri} 1 ${turn.start.toFixed(3)} ${(turn.end - turn.start).toFixed(3)} ` +
    `<NA> <NA> ${field(shownName(state, turn.speaker))} <NA> <NA>\n`).join("");
}

const toJson = (state) => writeExactly(documentOf(state)) + "\n";

function toSrt(state, widths) {
  return cuesOf(state, true, widths).map((cue, place) => {
    const text = cue.text.replaceAll("-->", "->");
    const item = `${place + 1}\n${stamp(cue.start, ",")} --> ${stamp(cue.end, ",")}\n${text}\n`;
    return item.endsWith("\n\n") ? item : item + "\n";
  }).join("");
}

function toVtt(state, widths) {
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const blocks = cuesOf(state, false, widths).map((cue) => {
    const text = escaped(cue.text);
    const voiced = cue.speaker === null ? text : `<v ${escaped(oneLine(cue.speaker))}>${text}</v>`;
    return `${stamp(cue.start, ".")} --> ${stamp(cue.end, ".")}\n${voiced}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
}

// cues: as in diarize.writers.cues, with the limits that hold where no option is given
const EXTREME_SECONDS = 15, EXTREME_WIDTH = 240, SMALL_OVERLAP = 0.5;
const LEAST = 0.01, SHORTEST = 0.3;
const AFTER_CLAUSE = 0.35, INSIDE = 1.3, TINY = 0.6, TINY_SHARE = 0.25;

/** Return a function that tells the columns of a text, from Python's tables of characters. */
function widthsFrom(tables) {
  const column = (code) => tables.find(([first, last]) => first <= code && code <= last)?.[2] ?? 1;
  const known = new Map();
  return (text) => {
    let sum = 0;
    for (const character of text) {
      if (character < "\x7f" && character >= " ") { sum += 1; continue; }
      if (!known.has(character)) known.set(character, column(character.codePointAt(0)));
      sum += known.get(character);
    }
    return sum;
  };
}

function cuesOf(state, named, widths) {
  const shown = [];
  for (const part of utterancesOf(state)) {
    if (!part.text) {
      shown.push({ start: part.start, end: part.end, speaker: part.speaker, text: oneLine(part.speaker ?? "") });
      continue;
    }
    for (const [speaker, pieces] of runsOf(part)) {
      const lead = speaker === null || !named ? "" : `${oneLine(speaker)}: `;
      for (const [start, stop] of partition(pieces, lead, widths)) {
        const inside = pieces.slice(start, stop), begin = inside[0].start;
        const end = Math.max(begin, ...inside.map((piece) => piece.end));
        const text = oneLine(lead + trim(inside.map((piece) => piece.text).join("")));
        shown.push({ start: begin, end, speaker, text });
      }
    }
  }
  for (let place = 0; place + 1 < shown.length; place += 1) {
    const shared = shown[place].end - shown[place + 1].start;
    if (shared > 0 && shared <= SMALL_OVERLAP && shown[place + 1].start > shown[place].start) {
      shown[place].end = shown[place + 1].start;
    }
  }
  shown.forEach((cue, place) => {
    if (cue.end - cue.start >= LEAST) return;
    const later = shown[place + 1]?.start ?? Infinity;
    cue.end = Math.max(cue.start + LEAST, Math.min(cue.start + SHORTEST, later));
  });
  return shown;
}

function runsOf(part) {
  const timed = timedPieces(part);
  if (!timed) return [[part.speaker, estimatedPieces(part)]];
  const runs = [];
  let owner;
  part.words.forEach((word, place) => {
    const now = word.speaker || (place ? owner : part.speaker);
    if (!place || now !== owner) runs.push([now, []]);
    owner = now;
    if (trim(timed[place].text)) runs.at(-1)[1].push(timed[place]);
  });
  return runs.filter(([, pieces]) => pieces.length);
}

function finite(value) {
  if (value === null || value === undefined || typeof value === "boolean" || Array.isArray(value)) return null;
  const number = Number(value);
  return Number.isFinite(number) && number >= 0 ? number : null;
}

function timedPieces(part) {
  if (!part.words.length) return null;
  const texts = part.words.map((word) => String(word.word ?? ""));
  const spaced = texts.slice(1).some((text) => text && isSpace(text[0]));
  const joiner = spaced || !part.text.includes(" ") ? "" : " ";
  const joined = texts.map((text) => joiner + text);
  if (oneLine(joined.join("")) !== part.text) return null;
  let clock = part.start;
  return joined.map((text, place) => {
    let start = finite(part.words[place].start), end = finite(part.words[place].end);
    start = start === null ? clock : Math.max(clock, start);
    end = end === null ? start : Math.max(start, end);
    clock = start;
    return { text, start, end };
  });
}

function estimatedPieces(part) {
  const texts = tokensOf(part.text), total = texts.reduce((sum, text) => sum + length(text), 0);
  const span = part.end - part.start;
  let done = 0;
  return texts.map((text) => {
    const start = part.start + (span * done) / total;
    done += length(text);
    return { text, start, end: part.start + (span * done) / total };
  });
}

const BEFORE = "เแโใไເແໂໃໄ", AFTER = "ะาำๅๆฯະາຳຽໆฺ", STACKERS = "\u17d2\u1039", JOINERS = "\u200d\u2060";
const OPENING = "“‘«「『（《〈【〔｛［";

/** Cut a text into words, each with the white space before it; see diarize.transcript.tokenize. */
function tokensOf(text) {
  const found = [];
  let blank = "", last = "";
  for (const character of text) {
    if (isSpace(character)) blank += character;
    else {
      if (found.length && !blank && !begins(last, character)) found[found.length - 1] += character;
      else found.push(blank + character);
      blank = "";
    }
    last = character;
  }
  return found;
}

function begins(last, character) {
  if (/[\p{Mn}\p{Mc}\p{Me}\p{Cf}]/u.test(character) || AFTER.includes(character)) return false;
  if ((JOINERS + STACKERS + BEFORE + OPENING).includes(last)) return false;
  if (!isUnspaced(last) && !isUnspaced(character)) return false;
  return OPENING.includes(character) || !/[\p{P}\p{S}]/u.test(character);
}

const CLOSERS = /["'”’»›)\]}』」》）]+$/, SENTENCE_END = /[.?!…。？！｡؟।॥۔։።፧៕။།‽⁇⁈⁉]$/u;
const GREEK_QUESTION = /[\u0370-\u03ff][;\u037e]$/;
const ABBREVIATION = /^(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|e\.g|i\.e|approx|bzw|z\.b|[a-z])\.$/i;

function endCost(word) {
  const text = trim(word).replace(CLOSERS, "");
  const sentence = SENTENCE_END.test(text) ? text === "I." || !ABBREVIATION.test(text) : GREEK_QUESTION.test(text);
  if (sentence) return 0;
  return /[,;:，、；：،—–-]$/.test(text) ? AFTER_CLAUSE : INSIDE;
}

/** Cut words into cues: as few as may be, ended where the text allows it best. */
function partition(pieces, lead, widths) {
  const fits = (start, stop) => {
    const part = pieces.slice(start, stop);
    if (Math.max(...part.map((piece) => piece.end)) - part[0].start > EXTREME_SECONDS) return false;
    return widths(lead + trim(part.map((piece) => piece.text).join(""))) <= EXTREME_WIDTH;
  };
  const count = pieces.length;
  if (fits(0, count)) return [[0, count]];
  const best = [0, ...Array(count).fill(Infinity)], origin = Array(count + 1).fill(0);
  for (let start = 0; start < count; start += 1) {
    for (let stop = start + 1; stop <= count; stop += 1) {
      if (stop > start + 1 && !fits(start, stop)) break;
      const text = trim(pieces.slice(start, stop).map((piece) => piece.text).join(""));
      let cost = widths(text) < TINY_SHARE * EXTREME_WIDTH ? TINY : 0;
      if (stop === count) cost = start ? cost : 0;
      else cost += endCost(pieces[stop - 1].text);
      if (best[start] + 1 + cost < best[stop]) { best[stop] = best[start] + 1 + cost; origin[stop] = start; }
    }
  }
  const ranges = [];
  for (let stop = count; stop; stop = origin[stop]) ranges.unshift([origin[stop], stop]);
  return ranges;
}
