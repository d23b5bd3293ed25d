// The start page: uploads with their progress, and the list of recordings as the server tells it.

const $ = (id) => document.getElementById(id);
const jobs = new Map(); // id -> what the server says of it, the newest first by `created`
const uploads = []; // { name, sent, total, request }
const MOST = 500; // recordings that the server tells at once
let asked = null; // { id } of the recording whose "Delete" waits for a second press
let oldest = null; // the id of the oldest recording told, where there may be older ones
const STATES = { queued: "waiting", running: "at work", failed: "failed", done: "" };
const STAGES = { audio: "reading", load: "reading", speech: "finding speech", embed: "telling voices apart",
  cluster: "counting voices", transcribe: "writing the words down", save: "saving", download: "fetching the model" };

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function clock(seconds) {
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), two = (one) => String(one).padStart(2, "0");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function tell(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// --- uploads ------------------------------------------------------------------------------------

function send(file, transcript) {
  const form = new FormData();
  for (const name of ["num_speakers", "language"]) if ($(name).value.trim()) form.append(name, $(name).value.trim());
  form.append("words", String($("words").checked));
  if (transcript) form.append("transcript", transcript, transcript.name);
  form.append("file", file, file.name);
  const request = new XMLHttpRequest(), upload = { name: file.name, sent: 0, total: file.size, request };
  uploads.unshift(upload);
  request.upload.addEventListener("progress", (event) => {
    Object.assign(upload, { sent: event.loaded, total: event.total });
    draw();
  });
  request.addEventListener("loadend", () => {
    uploads.splice(uploads.indexOf(upload), 1);
    if (request.status === 202) take(JSON.parse(request.responseText));
    else if (!upload.stopped) tell(`${file.name}: ${reason(request)}`);
    draw();
  });
  request.open("POST", "/api/jobs");
  request.send(form);
  draw();
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch (error) { return "the upload broke off"; }
}

function sendAll(files) {
  tell("");
  const transcript = $("transcript").files[0];
  if (transcript && files.length > 1) return tell("A transcript goes with one recording.");
  for (const file of files) send(file, transcript);
  if (files.length) $("transcript").value = ""; // the next recording has other words
}

// --- the list -----------------------------------------------------------------------------------

const take = (job) => jobs.set(job.id, job);

function about(job) {
  const { state, progress, error, summary } = job;
  if (state === "failed") return error?.message ?? "failed";
  if (state === "done") {
    const speakers = `${summary.speakers} ${summary.speakers === 1 ? "speaker" : "speakers"}`;
    const when = new Date(job.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const words = summary.words ? "" : ["no words", summary.messages.at(-1)].filter(Boolean).join(": ");
    return [clock(summary.seconds), speakers, when, words].filter(Boolean).join(" · ");
  }
  if (state === "queued") return STATES.queued;
  const stage = STAGES[progress.stage] ?? progress.stage ?? STATES.running;
  const left = progress.left === undefined ? "" : `about ${clock(progress.left)} left`;
  return [stage, progress.share === undefined ? "" : `${Math.round(progress.share * 100)} %`, left].filter(Boolean).join(" · ");
}

function bar(share) {
  const fill = make("i"), track = make("div", { className: `bar${share === undefined ? " unknown" : ""}` }, fill);
  track.setAttribute("role", "progressbar");
  if (share !== undefined) {
    fill.style.width = `${100 * share}%`;
    track.setAttribute("aria-valuenow", String(Math.round(100 * share)));
  }
  return track;
}

function row(job) {
  const done = job.state === "done", address = `/jobs/${job.id}`;
  const name = make(done ? "a" : "span", { className: "name", textContent: job.name, dir: "auto" });
  if (done) name.href = address;
  const tools = make("div", { className: "tools" });
  if (done) tools.append(make("a", { className: "open", href: address, textContent: "Open" }));
  const remove = async () => {
    const answer = await fetch(`/api/jobs/${job.id}`, { method: "DELETE" });
    if (answer.ok) { jobs.delete(job.id); draw(); }
  };
  tools.append(job.state === "running" || job.state === "queued" ? remover(job.name, "Stop", remove) : deleter(job, remove));
  const item = make("li", { className: `job ${job.state}` }, name, make("span", { className: "about", textContent: about(job), dir: "auto" }), tools);
  if (job.state === "running") item.append(bar(job.progress.share));
  return item;
}

function remover(name, text, action) {
  const button = make("button", { type: "button", className: "drop", textContent: text });
  button.setAttribute("aria-label", `${text} ${name}`);
  button.addEventListener("click", action);
  return button;
}

function deleter(job, remove) {
  const sure = asked?.id === job.id;
  const button = remover(job.name, "Delete", () => {
    const question = sure ? null : { id: job.id };
    asked = question;
    draw();
    if (sure) remove();
    else setTimeout(() => { if (asked === question) { asked = null; draw(); } }, 4000);
  });
  if (sure) button.textContent = "Delete for good?";
  return button;
}

function uploadRow(upload) {
  const share = upload.total ? upload.sent / upload.total : undefined;
  const said = share === 1 ? "sent" : `sending · ${Math.round((share ?? 0) * 100)} %`;
  return make("li", { className: "job uploading" }, make("span", { className: "name", textContent: upload.name, dir: "auto" }),
    make("span", { className: "about", textContent: said }),
    make("div", { className: "tools" }, remover(upload.name, "Stop", () => { upload.stopped = true; upload.request.abort(); })), bar(share));
}

function draw() {
  const focus = document.activeElement?.getAttribute?.("aria-label");
  const sorted = [...jobs.values()].sort((one, other) => (one.created < other.created ? 1 : -1));
  $("jobs").replaceChildren(...uploads.map(uploadRow), ...sorted.map(row));
  $("empty").hidden = Boolean(sorted.length + uploads.length);
  $("older").hidden = oldest === null;
  if (focus) [...document.querySelectorAll("#jobs [aria-label]")].find((one) => one.getAttribute("aria-label") === focus)?.focus();
}

function takeAll(told) {
  told.forEach(take);
  oldest = told.length === MOST ? told.at(-1).id : null;
  draw();
}

async function tellOlder() {
  const answer = await fetch(`/api/jobs?limit=${MOST}&before=${oldest}`);
  if (answer.ok) takeAll((await answer.json()).jobs);
}

function listen() {
  const source = new EventSource("/api/jobs/events");
  source.addEventListener("jobs", (event) => {
    jobs.clear();
    takeAll(JSON.parse(event.data));
  });
  source.addEventListener("job", (event) => { take(JSON.parse(event.data)); draw(); });
  source.addEventListener("deleted", (event) => { jobs.delete(JSON.parse(event.data)); draw(); });
}

$("file").addEventListener("change", () => { sendAll([...$("file").files]); $("file").value = ""; });
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.remove("over"); });
addEventListener("drop", (event) => sendAll([...event.dataTransfer.files]));
$("older").addEventListener("click", tellOlder);
$("form").addEventListener("submit", (event) => event.preventDefault());
listen();
