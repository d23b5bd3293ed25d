// The page begins.

$("title").textContent = facts.name;
if (facts.embedded) {
  const bytes = Uint8Array.from(atob(facts.embedded), (one) => one.charCodeAt(0));
  audio.src = URL.createObjectURL(new Blob([bytes], { type: "audio/ogg" }));
} else if (facts.audio) audio.src = facts.audio;
else $("play").disabled = true;
load();
refresh();
if (base.block.warnings.length) tell(base.block.warnings.join(" · "));
