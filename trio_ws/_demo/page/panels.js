// The panels beside the tree: the story, the supervisor, the leases, and the frames as text.

import { roleOfLabel } from "./model.js";

const STATES = ["idle", "connecting", "open", "stable", "waiting", "suspended", "closed", "failed"];
const ADVICE = "Press a button. Each has a key, too.";
const byId = id => document.getElementById(id);

export function drawStory(story) {
  const shown = story ? JSON.stringify(story) : "";
  if (byId("story").dataset.shown === shown) return;
  byId("story").dataset.shown = shown;
  byId("story").classList.toggle("done", story !== null && story.done);
  byId("story").dataset.button = story?.button ?? "";
  byId("story-title").textContent = story ? story.title : "All is well";
  byId("story-does").textContent = story ? story.does : "The server sends prices twice a second; the client reads them.";
  byId("story-sentences").replaceChildren(...(story ? story.sentences.filter(Boolean) : [ADVICE]).map(words => make("p", words)));
  byId("story-facts").replaceChildren(...(story ? facts(story) : []));
}

function facts(story) {
  const found = [];
  const add = (name, ...content) => {
    const value = make("dd");
    value.append(...content);
    found.push(make("dt", name), value);
  };
  if (story.cancelled.length) add("cancelled", ...story.cancelled.map(cancelled));
  else if (story.done) add("cancelled", "nothing");
  if (story.unwound.length) add("unwound", chips(story.unwound));
  if (story.exception) add("exception", code(story.exception));
  if (story.back) add("comes back", story.back);
  return found;
}

function cancelled(each) {
  const line = make("div");
  const names = make("ol");
  for (const task of each.reached) {
    const chip = make("li", task.name, "chip");
    chip.dataset.role = roleOfLabel(task.name);
    chip.title = task.line;
    names.append(chip);
  }
  line.append(make("span", each.what, "what"), names);
  return line;
}

export function chips(tasks) {
  const list = make("ol");
  tasks.forEach((task, at) => list.append(chip(at + 1, task.name)));
  return list;
}

export function chip(number, name, role = roleOfLabel(name)) {
  const made = make("li", "", "chip");
  made.dataset.role = role;
  made.append(make("b", String(number)), name);
  return made;
}

export function drawSupervisor(state, now) {
  const list = byId("states");
  if (!list.children.length) list.append(...STATES.map(name => make("li", name)));
  for (const item of list.children) {
    const current = state !== null && item.textContent === state.state;
    item.toggleAttribute("aria-current", current);
    item.className = ["waiting", "suspended", "failed"].includes(item.textContent) ? "bad" : "";
  }
  const waits = state !== null && state.delay !== null;
  const left = waits ? Math.max(0, state.t + state.delay - now) : 0;
  byId("delay").className = waits ? "bar" : "bar none";
  byId("delay").firstChild.style.width = waits ? `${100 * left / state.delay}%` : "0";
  byId("delay").lastChild.textContent = waits ? `attempt ${state.attempt + 1} in ${left.toFixed(1)} s` : "no attempt is due";
  byId("attempt").textContent = state === null ? "" : state.said;
  byId("attempt").title = state === null ? "" : state.said;
}

export function drawLeases(record, policy, now) {
  const box = byId("leases");
  if (!box.children.length) for (const side of ["client", "server"]) {
    const bar = make("div", "", "bar");
    bar.dataset.role = side;
    bar.append(make("span"), make("i"), make("b"));
    box.append(bar);
  }
  for (const bar of box.children) {
    const side = bar.dataset.role;
    const lease = record?.leases.find(each => each.side === side);
    const all = policy.interval + policy.timeout;
    const silence = lease ? now - lease.heard : 0;
    const left = lease ? Math.max(0, all - silence) : 0;
    const asked = silence > policy.interval;
    bar.className = ["bar", !lease && "none", lease?.paused && "paused", !lease?.paused && asked && "low"].filter(Boolean).join(" ");
    bar.firstChild.style.width = lease ? `${100 * (lease.paused ? 1 : left / all)}%` : "0";
    bar.lastChild.textContent = words(side, lease, left, asked);
  }
}

function words(side, lease, left, asked) {
  if (!lease) return `${side}: no lease, the connection has ended`;
  if (lease.paused) return `${side}: suspended, since it does not read; ${lease.waiting.toLocaleString("en")} bytes wait`;
  return `${side}: ${left.toFixed(1)} s left${asked ? "; a ping waits for its answer" : ""}`;
}

export function drawFrames(frames) {
  byId("frames").replaceChildren(...frames.map(frame => {
    const state = frame.landed === null ? "not arrived" : `${Math.round((frame.landed - frame.t) * 1000)} ms`;
    const item = make("li", `${frame.up ? "→" : "←"} ${frame.op} ${frame.size} ${state} ${frame.text.slice(0, 24)}`);
    item.className = "code";
    return item;
  }));
}

export function make(tag, words = "", className = "") {
  const element = document.createElement(tag);
  if (words) element.textContent = words;
  if (className) element.className = className;
  return element;
}

function code(words) {
  return make("code", words);
}
