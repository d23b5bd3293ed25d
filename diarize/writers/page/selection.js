// Several turns at once: chosen by their boxes, given to somebody in one step.

const selected = new Set(); // places of rows
let lastSelected = null;

/** Choose a row, or with Shift all from the last one chosen. */
function selectRow(place, on, whole) {
  const from = whole && lastSelected !== null ? lastSelected : place;
  for (let row = Math.min(from, place); row <= Math.max(from, place); row += 1) {
    if (on) selected.add(row); else selected.delete(row);
  }
  lastSelected = place;
  showSelection();
}

function clearSelection() {
  selected.clear();
  lastSelected = null;
  showSelection();
}

function showSelection() {
  transcript.shown.forEach((element, place) => {
    element.classList.toggle("chosen", selected.has(place));
    element.querySelector(".pick").checked = selected.has(place);
  });
  $("selection").hidden = !selected.size;
  $("transcript").classList.toggle("choosing", selected.size > 0);
  $("selected").textContent = `${selected.size} ${selected.size === 1 ? "turn" : "turns"} selected`;
}

const selectedRanges = () => (selected.size ? [...selected].sort((one, other) => one - other).map(rowRange) : null);

$("give").addEventListener("click", () => openMenu($("give"), "Who says them?", everybody(giveTo)));
$("clear").addEventListener("click", clearSelection);
