// The page: a WebSocket in, buttons out, and a picture of one step at a time.

import { isHousekeeping, label, Model, roles } from "./model.js";
import { chip, drawFrames, drawLeases, drawStory, drawSupervisor, make } from "./panels.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";
import { Tree } from "./tree.js";

const byId = id => document.getElementById(id);
const model = new Model();
const player = new Player(model);
const tree = new Tree(byId("tree"));
const timeline = new Timeline(byId("timeline"), byId("hint"));
const keys = new Map();
const STEADY = ["tree", "story"];
let socket = null, run = null, policy = { interval: 3, timeout: 3 }, retry = 500, changed = true, painted = 0;

// The connection

function connect() {
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/live`);
  socket.onmessage = event => hear(JSON.parse(event.data), event.data.length);
  socket.onopen = () => { retry = 500; say("live", false); };
  socket.onclose = () => {
    say("the demo has ended; waiting for it", true);
    setTimeout(connect, retry);
    retry = Math.min(5000, retry * 2);
  };
}

function say(words, off) {
  byId("link").textContent = words;
  byId("link").className = off ? "off" : "";
  for (const control of byId("buttons").querySelectorAll("button, select")) control.disabled = off;
}

function hear(message, size) {
  if (message.run) {
    if (message.run !== run) { model.clear(); player.index = -1; player.playing = true; }
    else { model.clear(); }
    run = message.run;
    policy = message.lease;
    timeline.names = Object.fromEntries(message.buttons.map(button => [button.name, button.label]));
    if (!byId("buttons").children.length) makeButtons(message.buttons, message.codes);
  } else if (message.records) {
    const caughtUp = player.playing && model.end === 0;
    model.add(message.records, size);
    player.offset = message.now - performance.now() / 1000;
    if (caughtUp || document.hidden && player.playing) player.index = model.end - 1;
    changed = true;
  } else if (message.error) console.warn(message.error);
}

// Buttons and keys

function makeButtons(buttons, codes) {
  for (const button of buttons) {
    const made = make("button", button.label);
    made.dataset.button = button.name;
    made.title = button.does;
    made.append(make("kbd", button.key));
    made.addEventListener("click", () => press(button.name));
    keys.set(button.key, () => press(button.name));
    if (button.name !== "close") { byId("buttons").append(made); continue; }
    const pair = make("span", "", "pair");
    const select = make("select");
    select.id = "code";
    select.setAttribute("aria-label", "Close code");
    for (const each of codes) select.append(new Option(each, each, each === 1012, each === 1012));
    pair.append(made, select);
    byId("buttons").append(pair);
  }
}

function press(name) {
  if (socket.readyState !== WebSocket.OPEN) return;
  player.goLive();
  socket.send(JSON.stringify({ press: name, code: Number(byId("code").value) }));
}

function toggle() {
  if (player.playing) player.pause(); else player.goLive();
  changed = true;
}

const step = direction => () => { player.step(direction); changed = true; };
const goLive = () => { player.goLive(); changed = true; };
byId("back").addEventListener("click", step(-1));
byId("forward").addEventListener("click", step(1));
byId("pause").addEventListener("click", toggle);
byId("live").addEventListener("click", goLive);
byId("scrub").addEventListener("input", event => { player.seek(Number(event.target.value)); changed = true; });
byId("slow").addEventListener("change", event => { player.slow = event.target.checked; });
keys.set(" ", toggle).set("ArrowLeft", step(-1)).set("ArrowRight", step(1)).set("End", goLive);
keys.set("m", () => byId("slow").click());
keys.set("+", () => zoom(0.5)).set("-", () => zoom(2));

function zoom(factor) {
  timeline.seconds = Math.min(60, Math.max(4, timeline.seconds * factor));
  changed = true;
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1) return;
  const inside = event.target.closest?.("select, input[type=range], summary, button");
  if (inside && (event.key === " " || inside.matches("select, input"))) return;
  const action = keys.get(event.key);
  if (action) { event.preventDefault(); action(); }
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { changed = true; });
window.addEventListener("resize", () => {
  for (const id of STEADY) byId(id).style.minHeight = "";
  changed = true;
});

// Painting: 20 times a second while time goes by, once when it stands still

function frame(now) {
  if (player.advance(now)) changed = true;
  const moving = player.live && now - painted > 50;
  if (changed || moving) { painted = now; changed = false; paint(); }
  requestAnimationFrame(frame);
}

function paint() {
  const picture = model.last("tree", player.index);
  if (!picture) return;
  const now = player.time(), index = player.index;
  const recent = model.since(now - 2, index);
  tree.draw(picture.map, reachedIn(recent, picture.map), now);
  drawEnded(recent, index);
  drawStory(model.last("story", index));
  drawSupervisor(model.last("state", index), now);
  drawLeases(model.last("lease", index), policy, now);
  timeline.draw(model, index, now);
  if (byId("frames").parentElement.open) drawFrames(recent.filter(record => record.k === "frame").slice(-16));
  drawTransport();
  for (const id of STEADY) steady(byId(id));
  for (const button of document.querySelectorAll("[data-button]")) {
    const pressed = recent.findLast(record => record.k === "press");
    button.classList.toggle("pressed", pressed?.button === button.dataset.button);
  }
}

// What grows and shrinks keeps its greatest height, so that nothing jumps.
function steady(element) {
  const height = element.offsetHeight;
  if (height > parseFloat(element.style.minHeight || 0)) element.style.minHeight = `${height}px`;
}

// The tasks that a cancellation has reached and that have not ended.
function reachedIn(records, map) {
  const reached = new Set();
  for (const record of records) if (record.k === "tree") for (const why of record.why) {
    if (why.what === "cancelled" && !isHousekeeping(why) && cancelledStill(map, why.box)) for (const each of why.reached) reached.add(each.task);
  }
  return reached;
}

function cancelledStill(map, id) {
  for (const row of map.values()) for (const box of row.boxes) if (box.id === id) return true;
  return false;
}

// What has ended lately, in order; each picture knows the names that are gone in the next.
function drawEnded(records, index) {
  const chips = [];
  let before = null;
  for (const record of records) {
    if (record.k !== "tree" || !record.map) continue;
    for (const why of record.why) if (why.what === "exited") {
      const role = before && before.has(why.task) ? roles(before).get(why.task) : "network";
      chips.push(chip(chips.length + 1, label(why.name), role));
    }
    before = record.map;
  }
  const words = chips.map(each => each.textContent).join() + index;
  if (byId("ended").dataset.words === words) return;
  byId("ended").dataset.words = words;
  if (byId("ended").children.length !== chips.length) byId("ended").replaceChildren(...chips);
}

function drawTransport() {
  const scrub = byId("scrub");
  scrub.min = model.begin;
  scrub.max = model.end - 1;
  scrub.value = player.index;
  byId("pause").textContent = player.playing ? "Pause" : "Go on";
  byId("live").classList.toggle("on", player.live);
  const behind = player.behind;
  const state = player.live ? "live" : player.playing ? "slow motion" : "paused";
  byId("where").textContent = player.live ? "live" : `${state}, ${behind.toFixed(1)} s behind`;
  byId("clock").textContent = `the last ${timeline.seconds} s; zoom with + and −`;
  document.documentElement.dataset.state = state;
}

window.addEventListener("error", event => say(`this page has failed: ${event.message}`, true));
connect();
requestAnimationFrame(frame);
