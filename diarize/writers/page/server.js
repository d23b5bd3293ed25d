// Where a server gave the page: corrections are kept there, and speakers enrolled.

const server = facts.server ?? null;
const keeping = { running: false, wanted: false, note: "" };

/** Send the corrections as they are now; one request at a time, and the last state always. */
async function keepOnServer() {
  keeping.wanted = true;
  if (keeping.running) return;
  keeping.running = true;
  while (keeping.wanted) {
    keeping.wanted = false;
    note("saving …");
    try {
      await ask("PUT", "edits", { edits });
      note("saved");
    } catch (error) {
      note("not saved");
      tell(`Not saved: ${error.message}. The next correction tries again; Download keeps edits.json here.`);
    }
  }
  keeping.running = false;
}

async function ask(method, path, content) {
  const answer = await fetch(`${server.url}/${path}`, { method, headers: { "content-type": "application/json" },
    body: JSON.stringify(content) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error.message);
  return said;
}

function note(text) {
  keeping.note = text;
  summarize();
}

/** Make a speaker known by the voice, or say how that is done where no server is. */
async function enroll(speaker) {
  const name = display(speaker);
  if (!server) return tell(`To know ${name} in other recordings, run this beside the result:`, ...enrollCommands(speaker));
  tell(`Listening to ${name} …`);
  try {
    await settled();
    const found = await ask("POST", "enroll", { speaker: speaker.label, name });
    tell([`${name} is known now, from ${found.seconds} seconds.`, ...found.messages].join(" · "));
  } catch (error) { tell(error.message); }
}

/** Wait until the corrections are with the server. */
async function settled() {
  while (keeping.running) await new Promise((resolve) => { setTimeout(resolve, 50); });
}

const quoted = (text) => (/^[\w.,@%+=:-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", "'\\''")}'`);
function enrollCommands(speaker) {
  const result = quoted(`${facts.stem}.json`);
  const lines = [`diarize enroll ${quoted(speaker.name)} --from-result ${result} --speaker ${quoted(speaker.label)}`];
  if (edits.length) lines.unshift(`diarize relabel ${result} --edits edits.json`);
  return lines.map((line) => make("code", { textContent: line }));
}

if (server) {
  $("kept").textContent = "Corrections are kept on the server.";
  const link = make("a", { className: "home", href: "/", textContent: "All recordings" });
  document.querySelector(".actions").prepend(link);
  addEventListener("beforeunload", (event) => { if (keeping.running) event.preventDefault(); });
}
