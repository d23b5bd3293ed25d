// Words and the text that they stand in: when they are said, and where the text is cut.

/** Cut a segment's text before the words at `starts`; see diarize.transcript.segments. */
function splitText(text, words, starts) {
  const offsets = exactOffsets(text, words) ?? alignedOffsets(text, words);
  const cuts = [0, ...starts.slice(1).map((start) => offsets[start]), text.length];
  return starts.map((_, place) => text.slice(cuts[place], cuts[place + 1]));
}

function exactOffsets(text, words) {
  const offsets = [];
  let cursor = 0;
  for (const word of words) {
    const found = text.indexOf(trim(word), cursor);
    if (found < 0 || trim(text.slice(cursor, found))) return null;
    offsets.push(cursor);
    cursor = found + trim(word).length;
  }
  return offsets;
}

const lettersOf = (part) => [...part.toLowerCase()].filter((one) => /[\p{L}\p{N}]/u.test(one)).join("");

/** Return where each word probably begins in a text that has other words, more or fewer. */
function alignedOffsets(text, words) {
  const heads = [], theirs = [], ours = [];
  let end = 0;
  for (const part of tokensOf(text)) {
    if (lettersOf(part)) { heads.push(end); theirs.push(lettersOf(part)); }
    end += part.length;
  }
  heads.splice(0, 1, 0);
  heads.push(text.length);
  const firsts = words.map((word) => {
    const first = ours.length;
    ours.push(...tokensOf(word).map(lettersOf).filter(Boolean));
    return first;
  });
  const pairs = [[-1, -1], ...samePlaces(ours, theirs), [ours.length, theirs.length]];
  let at = 1;
  return firsts.map((first) => {
    while (pairs[at][0] < first) at += 1;
    const [before, low] = pairs[at - 1], [after, high] = pairs[at];
    const others = after - before - 1;
    if (others) return heads[low + 1 + Math.floor(((high - low - 1) * (first - before - 1)) / others)];
    for (let part = Math.max(low, 0); part < high - 1; part += 1) {
      if (endCost(text.slice(heads[part], heads[part + 1])) === 0) return heads[part + 1];
    }
    return heads[high];
  });
}

/** Return the pairs of places where two lists are the same, as Python's difflib finds them. */
function samePlaces(ours, theirs) {
  const places = new Map(), pairs = [], waiting = [[0, ours.length, 0, theirs.length]];
  theirs.forEach((key, place) => {
    if (places.has(key)) places.get(key).push(place);
    else places.set(key, [place]);
  });
  const most = theirs.length >= 200 ? Math.floor(theirs.length / 100) + 1 : Infinity;
  for (const [key, found] of places) if (found.length > most) places.delete(key);
  while (waiting.length) {
    const [low, high, from, to] = waiting.pop();
    let first = low, at = from, size = 0, lengths = new Map();
    for (let one = low; one < high; one += 1) {
      const now = new Map();
      for (const other of places.get(ours[one]) ?? []) {
        if (other < from || other >= to) continue;
        const count = (lengths.get(other - 1) ?? 0) + 1;
        now.set(other, count);
        if (count > size) [first, at, size] = [one - count + 1, other - count + 1, count];
      }
      lengths = now;
    }
    for (; first > low && at > from && ours[first - 1] === theirs[at - 1]; size += 1) { first -= 1; at -= 1; }
    while (first + size < high && at + size < to && ours[first + size] === theirs[at + size]) size += 1;
    if (!size) continue;
    for (let step = 0; step < size; step += 1) pairs.push([first + step, at + step]);
    waiting.push([low, first, from, at], [first + size, high, at + size, to]);
  }
  return pairs.sort((one, other) => one[0] - other[0]);
}

const CLOSE = 1e-6; // seconds; as in diarize.transcript.word_times

/** Estimate when each word of a segment is spoken: by its length, while anybody speaks. */
function layOut(texts, start, end, speech) {
  end = Math.max(start, end);
  let parts = speech.filter((part) => part.end > start && part.start < end)
    .map((part) => ({ start: Math.max(part.start, start), end: Math.min(part.end, end) }));
  if (!parts.length) parts = [{ start, end }];
  const spoken = parts.reduce((sum, part) => sum + (part.end - part.start), 0);
  const sizes = texts.map((text) => length(trim(text)) + 1), total = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  return sizes.map((size) => {
    const begin = instantAfter(parts, (spoken * done) / total, true);
    done += size;
    return [begin, Math.max(begin, instantAfter(parts, (spoken * done) / total, false))];
  });
}

/** Return when so many seconds of speech have passed, before or after a silence there. */
function instantAfter(parts, spoken, after) {
  for (const part of parts) {
    const lasts = part.end - part.start;
    if (spoken < lasts - CLOSE || (!after && spoken < lasts + CLOSE)) {
      return rounded(part.start + Math.min(spoken, lasts), 3);
    }
    spoken -= lasts;
  }
  return rounded(parts.at(-1).end, 3);
}
