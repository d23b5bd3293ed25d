// The transcript: rows of one speaker each, of which only those in sight are in the page.

const ROW_CHARACTERS = 700, ROW_PAUSE = 4, SPARE = 800; // characters, seconds, pixels

/** Return the rows: what one speaker says in a row, cut where it gets long. */
function rowsOf(state) {
  const rows = [];
  for (const part of utterancesOf(state)) {
    const last = rows.at(-1);
    const joins = last && part.text && last.speaker === part.speaker && last.size + part.text.length <= ROW_CHARACTERS &&
      part.start - last.end < ROW_PAUSE;
    const row = joins ? last : { start: part.start, end: part.end, speaker: part.speaker, size: 0, words: [] };
    if (!joins) rows.push(row);
    row.end = Math.max(row.end, part.end);
    row.size += part.text.length;
    row.words.push(...wordsOf(part));
  }
  return rows;
}

function wordsOf(part) {
  if (!part.text) return [];
  const timed = timedPieces(part);
  const pieces = timed ?? [{ text: ` ${part.text}`, start: part.start, end: part.end }];
  return pieces.map((piece, place) => ({
    text: place || /^\s/.test(piece.text) ? piece.text : ` ${piece.text}`, start: piece.start, end: piece.end,
    unsure: timed ? part.words[place].unsure === true : false }));
}

class Transcript {
  constructor(scroller, box, hooks) {
    Object.assign(this, { scroller, box, hooks, rows: [], heights: [], tops: [], shown: new Map(), current: -1, word: null });
    scroller.addEventListener("scroll", () => this.draw());
    let width = 0;
    new ResizeObserver(() => { if (width !== (width = box.clientWidth)) this.show(this.rows); }).observe(box);
  }

  /** Show other rows; the one at the top stays in sight. */
  show(rows) {
    this.rows = rows;
    this.shown.forEach((element) => element.remove());
    this.shown.clear();
    this.current = -1;
    this.word = null;
    this.estimate();
    this.draw();
  }

  estimate() {
    const columns = Math.max(20, (this.box.clientWidth - 32) / 8);
    this.heights = this.rows.map((row) => 48 + 26 * Math.ceil(row.size / columns));
    this.place();
  }

  place() {
    let top = 12;
    this.tops = this.heights.map((height) => { const here = top; top += height + 4; return here; });
    this.box.style.height = `${top + 200}px`;
    this.shown.forEach((element, place) => { element.style.top = `${this.tops[place]}px`; });
  }

  /** Return the last row that begins at or before an offset, or an instant. */
  before(value, of) {
    let low = 0, high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (of(middle) <= value) low = middle; else high = middle - 1;
    }
    return low;
  }

  draw() {
    if (!this.rows.length) return;
    const from = this.scroller.scrollTop - SPARE, to = this.scroller.scrollTop + this.scroller.clientHeight + SPARE;
    const first = this.before(from, (place) => this.tops[place]), last = this.before(to, (place) => this.tops[place]);
    this.shown.forEach((element, place) => {
      if (place < first || place > last) { element.remove(); this.shown.delete(place); }
    });
    const fresh = [];
    for (let place = first; place <= last; place += 1) {
      if (this.shown.has(place)) continue;
      const element = this.hooks.row(this.rows[place], place);
      element.style.top = `${this.tops[place]}px`;
      this.shown.set(place, element);
      this.box.append(element);
      fresh.push(place);
    }
    const anchor = this.before(this.scroller.scrollTop, (place) => this.tops[place]), old = this.tops[anchor];
    let changed = false;
    for (const place of fresh) {
      const height = this.shown.get(place).offsetHeight;
      if (height && height !== this.heights[place]) { this.heights[place] = height; changed = true; }
    }
    if (changed) {
      this.place();
      const moved = this.tops[anchor] - old;
      if (moved) this.scroller.scrollTop += moved;
    }
    this.mark(this.time ?? 0, false);
  }

  /** Mark the row and the word at an instant, and bring them into sight if asked to. */
  mark(time, follow) {
    this.time = time;
    if (!this.rows.length) return;
    const place = this.before(time, (one) => this.rows[one].start);
    if (place !== this.current) this.shown.get(this.current)?.classList.remove("current");
    this.current = place;
    const element = this.shown.get(place);
    element?.classList.add("current");
    const words = this.rows[place].words;
    let index = words.findLastIndex((word) => word.start <= time);
    if (index >= 0 && time > words[index].end + 0.6) index = -1;
    const word = index < 0 ? null : element?.querySelector(`[data-word="${index}"]`);
    if (word !== this.word) {
      this.word?.classList.remove("now");
      word?.classList.add("now");
      this.word = word;
    }
    if (follow) this.reveal(place);
  }

  reveal(place) {
    const view = this.scroller;
    for (let round = 0; round < 4; round += 1) { // rows that come into sight tell their true heights
      const top = this.tops[place], room = view.clientHeight - Math.min(this.heights[place], 160);
      if (top >= view.scrollTop + 8 && top <= view.scrollTop + room) return;
      view.scrollTop = Math.max(0, top - view.clientHeight / 3);
      this.draw();
    }
  }
}
