// What the start page does, in a document of the least that it needs: `node start.mjs START.JS`, told as JSON.

import fs from "node:fs";
import vm from "node:vm";

const made = {}, timers = [], events = {}, forms = [], asked = [];

function element() {
  return {
    textContent: "", files: [], children: [], listeners: {}, style: {}, dataset: {}, checked: true, text: "",
    get value() { return this.text; },
    set value(value) { this.text = value; this.files = []; }, // as a browser's file field does
    classList: { add() {}, remove() {} },
    append(...more) { this.children.push(...more); },
    replaceChildren(...more) { this.children = more; },
    setAttribute() {},
    addEventListener(kind, action) { this.listeners[kind] = action; },
  };
}

const byId = (id) => (made[id] ??= element());
const all = (root) => [root, ...root.children.filter((one) => one.children).flatMap(all)];
const buttons = () => byId("jobs").children.map((row) => all(row).filter((one) => one.type === "button").map((one) => one.textContent).join());
const press = (row) => all(byId("jobs").children[row]).find((one) => one.type === "button").listeners.click();
const tell = (kind, data) => events[kind]({ data: JSON.stringify(data) });
const job = (number, state = "done") => ({ id: `job${number}`, name: `${number}.mp3`, created: String(10000 + number), state,
  progress: {}, error: null, summary: { speakers: 1, seconds: 9, words: true, messages: [] } });

class Request {
  upload = element();
  listeners = {};
  addEventListener(kind, action) { this.listeners[kind] = action; }
  open() {}
  send(form) {
    forms.push(form.fields);
    Object.assign(this, { status: 400, responseText: '{"error": {"message": "no"}}' });
    this.listeners.loadend();
  }
}

const context = {
  document: { getElementById: byId, createElement: element, querySelectorAll: () => [], activeElement: null },
  addEventListener() {},
  setTimeout: (action) => timers.push(action),
  EventSource: class { addEventListener(kind, action) { events[kind] = action; } },
  XMLHttpRequest: Request,
  FormData: class { fields = {}; append(name, value) { this.fields[name] = value.name ?? value; } },
  fetch: async (address, options) => {
    asked.push([options?.method ?? "GET", address]);
    return { ok: true, json: async () => ({ jobs: [job(1), job(0)] }) };
  },
};
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), context);
const found = {};

tell("jobs", [job(8, "running"), job(7)]);
press(1);
tell("job", job(8));
found.whileAsking = buttons();
timers.shift()();
found.withdrawn = buttons();
press(1);
press(1);
await new Promise(setImmediate);
found.deleted = asked.splice(0);

byId("transcript").files = [{ name: "monday.srt" }];
for (const name of ["monday.mp3", "tuesday.mp3"]) {
  byId("file").files = [{ name, size: 1 }];
  byId("file").listeners.change();
}
found.transcripts = forms.map((form) => form.transcript ?? null);

tell("jobs", Array.from({ length: 500 }, (_, number) => job(501 - number)));
found.more = [!byId("older").hidden];
await byId("older").listeners.click?.();
found.more.push(!byId("older").hidden);
found.older = [asked.pop(), byId("jobs").children.length];
console.log(JSON.stringify(found));
