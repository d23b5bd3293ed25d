// The two pictures: the whole recording with its waveform, and the lanes around the playhead.

const PATTERNS = ["", "striped", "dotted"];
const styleOf = (place, colours) =>
  ({ colour: colours[place % colours.length], pattern: PATTERNS[Math.floor(place / colours.length) % 3] });

/** Size a canvas for its element and the screen, and return its context in CSS pixels. */
function prepared(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Return the loudest peak between two instants, 0 to 1. */
function loudest(sound, start, end) {
  let found = 0;
  const last = Math.min(sound.peaks.length - 1, Math.floor(end * sound.rate));
  for (let place = Math.max(0, Math.floor(start * sound.rate)); place <= last; place += 1) {
    if (sound.peaks[place] > found) found = sound.peaks[place];
  }
  return found / 255;
}

function drawWave(context, sound, colour, { left, width, middle, height, from, to }) {
  if (!sound.peaks.length) return;
  context.fillStyle = colour;
  for (let x = 0; x < width; x += 2) {
    const start = from + ((to - from) * x) / width;
    const size = Math.max(1, loudest(sound, start, start + ((to - from) * 2) / width) * height);
    context.fillRect(left + x, middle - size / 2, 1.4, size);
  }
}

/** Draw everybody's turns in one strip below the waveform, unsure places, and the playhead. */
function drawOverview(canvas, view) {
  const { width, height } = canvas.getBoundingClientRect();
  const context = prepared(canvas, width, height);
  const x = (time) => (time / view.duration) * width;
  const strip = 14, top = height - strip - 4;
  context.fillStyle = view.css("--accent");
  context.globalAlpha = 0.13;
  context.fillRect(x(view.from), 0, Math.max(3, x(view.to) - x(view.from)), height);
  context.globalAlpha = 1;
  drawWave(context, view.sound, view.css("--wave"),
    { left: 0, width, middle: top / 2, height: top - 6, from: 0, to: view.duration });
  for (const turn of view.turns) {
    context.fillStyle = view.style(turn.speaker).colour;
    context.fillRect(x(turn.start), top, Math.max(1, x(turn.end) - x(turn.start)), strip);
  }
  context.fillStyle = view.css("--mark");
  for (const place of view.unsure) context.fillRect(x(place), top - 5, 2, 4);
  context.fillStyle = view.css("--ink");
  context.fillRect(Math.min(width - 2, x(view.time)), 0, 2, height);
}

const AXIS = 20, NAME_GAP = 6;
const gutterOf = (width) => (width < 500 ? 88 : 150); // where the names stand
const laneHeight = (count, width) => (width < 500 ? 18 : count > 5 ? 23 : 27);
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Draw a lane a speaker, with turns as opaque as they are sure; return the canvas' height. */
function drawLanes(canvas, view) {
  const width = canvas.parentElement.clientWidth, lane = laneHeight(view.speakers.length, width);
  const height = view.speakers.length * lane + AXIS, gutter = gutterOf(width);
  canvas.style.height = `${height}px`;
  const context = prepared(canvas, width, height);
  const x = (time) => gutter + ((time - view.from) / (view.to - view.from)) * (width - gutter);
  context.font = "12px system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif";
  context.save();
  context.beginPath();
  context.rect(gutter, 0, width - gutter, height);
  context.clip();
  drawTicks(context, view, x, width - gutter, height);
  const lanes = new Map(view.speakers.map((speaker, place) => [speaker.label, place]));
  for (const turn of view.turns) {
    if (turn.end < view.from || turn.start > view.to) continue;
    drawTurn(context, view, turn, x(turn.start), x(turn.end), AXIS + lanes.get(turn.speaker) * lane, lane);
  }
  context.fillStyle = view.css("--ink");
  context.fillRect(x(view.time) - 1, 0, 2, height);
  context.restore();
  context.fillStyle = view.css("--ink");
  for (const [label, place] of lanes) {
    const name = fitted(context, oneLine(view.speakers[place].name ?? label), gutter - 2 * NAME_GAP);
    context.fillText(name, NAME_GAP, AXIS + place * lane + lane / 2 + 4);
  }
}

/** Return a name, cut so that it takes no more than some pixels. */
function fitted(context, name, most) {
  const letters = [...name];
  while (letters.length > 1 && context.measureText(name).width > most) {
    letters.pop();
    name = `${letters.join("")}…`;
  }
  return name;
}

function drawTicks(context, view, x, width, height) {
  const step = STEPS.find((one) => ((view.to - view.from) / one) * 80 <= width) ?? 3600;
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    context.fillStyle = view.css("--line");
    context.fillRect(x(time), 0, 1, height);
    context.fillStyle = view.css("--soft");
    context.fillText(shortClock(time), x(time) + 4, 14);
  }
}

function drawTurn(context, view, turn, left, right, y, lane) {
  const { colour, pattern } = view.style(turn.speaker);
  const width = Math.max(2, right - left - 1), top = y + 3, size = lane - 7;
  const sure = turn.confidence === null || turn.confidence === undefined ? 1 : Number(turn.confidence);
  context.save();
  context.globalAlpha = 0.4 + 0.6 * Math.min(1, Math.sqrt(Math.max(0, sure) / 0.4));
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, top, width, size, 4);
  context.fill();
  context.clip();
  context.globalAlpha = 0.55;
  context.fillStyle = context.strokeStyle = "#fff";
  context.lineWidth = 2.5;
  const first = Math.max(left, -20), last = Math.min(left + width, context.canvas.width);
  if (pattern === "striped") {
    for (let at = first - (first % 9) - 18; at < last; at += 9) {
      context.beginPath();
      context.moveTo(at, top + size);
      context.lineTo(at + size, top);
      context.stroke();
    }
  } else if (pattern === "dotted") {
    for (let at = first; at < last; at += 7) context.fillRect(at, top + size / 2 - 1.5, 3, 3);
  }
  context.restore();
  if (turn.overlap) {
    context.fillStyle = view.css("--ink");
    context.fillRect(left, top + size + 1, width, 2);
  }
  if (turn.unsure) {
    context.strokeStyle = view.css("--mark");
    context.lineWidth = 2;
    context.setLineDash([4, 3]);
    context.strokeRect(left + 1, top + 1, Math.max(1, width - 2), size - 2);
    context.setLineDash([]);
  }
  if (turn === view.chosen) {
    context.strokeStyle = view.css("--ink");
    context.lineWidth = 2;
    context.strokeRect(left, top, width, size);
  }
}

function shortClock(time) {
  const whole = Math.floor(time), minutes = Math.floor(whole / 60);
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
