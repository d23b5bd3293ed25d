// The menus of a turn, of a speaker, and of picked words.

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
  const proposed = speaker.proposal ? [[`Is ${speaker.proposal.name}`,
    () => perform({ edit: "rename", speaker: speaker.label, name: speaker.proposal.name })]] : [];
  openMenu(anchor, display(speaker), [
    ...proposed,
    ...(speaker.name !== null && (!server || server.enrolls)
      ? [[server ? `Know ${speaker.name} by this voice` : `How to know ${speaker.name} elsewhere`, () => enroll(speaker)]] : []),
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
