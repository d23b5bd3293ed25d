// The page begins.

const SURE = 0.8; // the chance of a number of speakers below which a person is told to check it

$("title").textContent = facts.name;
if (facts.embedded) {
  const bytes = Uint8Array.from(atob(facts.embedded), (one) => one.charCodeAt(0));
  audio.src = URL.createObjectURL(new Blob([bytes], { type: "audio/ogg" }));
} else if (facts.audio) audio.src = facts.audio;
else $("play").disabled = true;
load();
refresh();
const counts = Object.entries(base.block.speaker_counts ?? {}).sort((one, other) => other[1] - one[1]);
const doubt = counts.length > 1 && counts[0][1] < SURE
  ? [`It is doubtful how many people speak: ${counts.slice(0, 3).map(([count, chance]) => `${count} (${Math.round(chance * 100)} %)`).join(", ")}`] : [];
if (doubt.length + base.block.warnings.length) tell([...doubt, ...base.block.warnings].join(" · "));
