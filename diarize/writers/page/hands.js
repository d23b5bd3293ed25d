// What the user does with mouse, fingers and keys.

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
  const gutter = gutterOf(box.width);
  const at = from + (Math.max(0, event.clientX - box.left - gutter) / (box.width - gutter)) * (to - from);
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
  if (event.key === "Escape") { pick(null); clearSelection(); chosen = null; draw(); return; }
  const box = event.target.classList?.contains("pick");
  if ($("keys").open || (!box && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName))) return;
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
  } else if (actions[event.key] && !(event.key === " " && event.target.closest("button, .pick"))) actions[event.key]();
  else return;
  event.preventDefault();
});
