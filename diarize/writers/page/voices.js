// Hearing a voice before naming it: some seconds of it here and there, clear and alone.

const MOST_EXCERPTS = 5, EXCERPT = 6; // seconds
let stopAt = null; // where playing ends, if it is an excerpt that plays

/** Return a speaker's excerpts as the corrections have it; else the beginnings of the longest turns. */
function excerptsOf(label) {
  const over = (turn, start, end) => turn.start < end && start < turn.end;
  const own = facts.excerpts.filter(([start, end]) => {
    const turns = state.turns.filter((turn) => over(turn, start, end));
    return turns.length > 0 && turns.every((turn) => turn.speaker === label);
  });
  if (own.length) return own.slice(0, MOST_EXCERPTS);
  return state.turns.filter((turn) => turn.speaker === label)
    .sort((one, other) => other.end - other.start - (one.end - one.start)).slice(0, 2)
    .sort((one, other) => one.start - other.start)
    .map(({ start, end }) => [start, Math.min(end, start + EXCERPT)]);
}

function hear(start, end) {
  seek(start, { reveal: false });
  stopAt = end;
  if (audio.paused) play();
}

/** Return buttons that play a speaker's excerpts. */
function excerptButtons(speaker) {
  if (!audio.getAttribute("src")) return ""; // nothing to hear
  return make("span", { className: "excerpts" }, ...excerptsOf(speaker.label).map(([start, end], place) => {
    const button = make("button", { type: "button", title: `${shortClock(start)}, ${Math.round(end - start)} s` },
      make("span", { className: "triangle" }), String(place + 1));
    button.setAttribute("aria-label", `Hear ${display(speaker)}, excerpt ${place + 1}`);
    button.addEventListener("click", () => hear(start, end));
    return button;
  }));
}
