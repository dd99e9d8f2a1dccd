// The time axis: the frames on the wire, and below them each task as a bar in its own colour.
//
// A bar ends where the task has ended, so one sees that what is in a box ends before the box.
// It is red while the task is in a box that is cancelled.  A frame goes from one line to the other,
// from when it was written to when it was read; one that has not arrived ends in a cross.

import { isHousekeeping, label, roles } from "./model.js";

const ROW = 14, AXIS = 16, WIRE = 96, LABELS = 128;
const ORDER = {
  client: ["client", "keyboard", "reader", "writer", "stability timer", "orders", "book"],
  server: ["server", "accept", "reader", "writer", "handler", "prices", "buttons"],
};
const CONTROL = new Set(["ping", "pong", "close", "http"]);

export class Timeline {
  constructor(canvas, hint) {
    this.canvas = canvas;
    this.hint = hint;
    this.seconds = 15;
    this.marks = [];
    canvas.addEventListener("pointermove", event => this.#point(event));
    canvas.addEventListener("pointerleave", () => { hint.hidden = true; });
  }

  draw(model, index, now) {
    const bars = collect(model, index, now - this.seconds);
    const lanes = [...bars.keys()].sort((a, b) => place(a) - place(b));
    const width = this.canvas.clientWidth, height = AXIS + WIRE + 4 + lanes.length * ROW;
    const scale = window.devicePixelRatio || 1;
    const labels = width < 560 ? 92 : LABELS;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.colours = palette();
    const x = time => labels + (time - now + this.seconds) / this.seconds * (width - labels - 10);
    const presses = this.#placePresses(context, model.since(now - this.seconds, index), x, labels, width);
    this.#axis(context, x, now, labels, height, width, presses);
    this.marks = [];
    this.#wire(context, model, index, AXIS, x, labels, now, width);
    const top = AXIS + WIRE + 4;
    lanes.forEach((lane, at) => this.#lane(context, lane, bars.get(lane), top + at * ROW, x, labels, now));
    this.#presses(context, presses, height);
  }

  #axis(context, x, now, labels, height, width, presses) {
    context.strokeStyle = this.colours.line;
    context.fillStyle = this.colours.soft;
    const every = this.seconds > 30 ? 10 : width < 560 ? 5 : this.seconds > 12 ? 2 : 1;
    for (let back = 0; back <= this.seconds; back += every) {
      const at = Math.round(x(now - back)) + 0.5;
      if (at < labels) break;
      context.beginPath(); context.moveTo(at, AXIS - 4); context.lineTo(at, height); context.stroke();
      const words = back ? `−${back} s` : "now";
      const size = context.measureText(words).width;
      const left = back ? at - size / 2 : at + 8 - size;
      if (isFree(presses, left, left + size)) context.fillText(words, left, 8);
    }
  }

  #lane(context, lane, spans, y, x, labels, now) {
    const [role, name] = lane.split("|");
    context.fillStyle = this.colours[role];
    context.fillText(name, 2, y + ROW / 2);
    for (const span of spans) {
      const left = Math.max(labels, x(span.from)), right = x(span.to ?? now);
      if (right < labels) continue;
      context.fillStyle = this.colours[role];
      context.globalAlpha = span.to ? 0.75 : 1;
      bar(context, left, y + 3, Math.max(3, right - left), ROW - 6);
      context.fillStyle = this.colours.cancelled;
      for (const red of span.cancelled) {
        const from = Math.max(left, x(red.from)), to = x(red.to ?? span.to ?? now);
        if (to >= labels) bar(context, from, y + 3, Math.max(3, to - from), ROW - 6);
      }
      context.globalAlpha = 1;
      const ended = span.to ? `ended after ${(span.to - span.from).toFixed(1)} s` : "runs";
      this.marks.push([left, y, right, y + ROW, `${name}: ${ended}${span.cancelled.length ? ", was cancelled" : ""}`]);
    }
  }

  #wire(context, model, index, top, x, labels, now, width) {
    const up = top + 26, down = top + WIRE - 26;
    context.lineWidth = 1.5;
    for (const [role, y] of [["client", up], ["server", down]]) {
      context.strokeStyle = context.fillStyle = this.colours[role];
      context.beginPath(); context.moveTo(labels, y); context.lineTo(width - 10, y); context.stroke();
      context.fillText(`wire: ${role}`, 2, y);
    }
    context.lineWidth = 1;
    const names = [];
    context.save();
    context.beginPath(); context.rect(labels, top, width - labels, WIRE); context.clip();
    for (const frame of framesOf(model, index, now - this.seconds - 1)) {
      this.#frame(context, frame, frame.up ? up : down, frame.up ? down : up, x, now, names);
    }
    writeNames(context, names, labels, width);
    context.restore();
  }

  #frame(context, frame, from, to, x, now, names) {
    const arrived = frame.landed !== null && frame.landed <= now;
    const part = arrived ? 1 : Math.min(0.6, (now - frame.t) / 0.1);
    const left = x(frame.t), right = arrived ? x(frame.landed) : left + 8 * part;
    const end = from + (to - from) * part;
    const lost = !arrived && now - frame.t > 1;
    context.strokeStyle = context.fillStyle = frame.op === "close" || lost ? this.colours.cancelled : CONTROL.has(frame.op) ? this.colours.ink : this.colours[frame.up ? "client" : "server"];
    context.beginPath(); context.moveTo(left, from); context.lineTo(right, end); context.stroke();
    if (lost) {
      context.beginPath(); context.moveTo(right - 4, end - 4); context.lineTo(right + 4, end + 4);
      context.moveTo(right + 4, end - 4); context.lineTo(right - 4, end + 4); context.stroke();
    }
    const rank = frame.op === "close" ? 0 : CONTROL.has(frame.op) ? 1 : 2;
    names.push({ words: `${frame.op} ${frame.size}`, at: left - 2, y: frame.up ? from - 12 : from + 13, rank, colour: context.fillStyle });
    const state = arrived ? `after ${Math.round((frame.landed - frame.t) * 1000)} ms` : lost ? "has not arrived" : "under way";
    this.marks.push([left - 4, Math.min(from, to) - 18, Math.max(right, left) + 4, Math.max(from, to) + 18,
      `${frame.up ? "client → server" : "server → client"}: ${frame.op}, ${frame.size} bytes, ${state}  ${frame.text}`]);
  }

  // Where the names of the buttons go: right of their lines, or left of them if there is no room.
  #placePresses(context, records, x, labels, width) {
    const placed = [];
    for (const record of records) {
      if (record.k !== "press" || x(record.t) < labels) continue;
      const at = x(record.t), words = (this.names?.[record.button] ?? record.button).toLowerCase();
      const size = context.measureText(words).width + 4;
      const left = width - at - 46 > size ? at + 2 : at - size - 2;
      placed.push({ at, words, left, right: left + size });
    }
    return placed;
  }

  #presses(context, placed, height) {
    for (const { at, words, left, right } of placed) {
      context.strokeStyle = this.colours.cancelled;
      context.setLineDash([4, 3]);
      context.beginPath(); context.moveTo(at, AXIS - 4); context.lineTo(at, height); context.stroke();
      context.setLineDash([]);
      context.fillStyle = this.colours.panel;
      context.fillRect(left, 0, right - left, 15);
      context.fillStyle = this.colours.cancelled;
      context.fillText(words, left + 2, 8);
    }
  }

  #point(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const x = event.clientX - bounds.left, y = event.clientY - bounds.top;
    const mark = this.marks.findLast(([left, top, right, bottom]) => x >= left && x <= right && y >= top && y <= bottom);
    this.hint.hidden = !mark;
    if (!mark) return;
    this.hint.textContent = mark[4];
    this.hint.style.left = `${Math.min(event.clientX + 12, window.innerWidth - this.hint.offsetWidth - 8)}px`;
    this.hint.style.top = `${event.clientY - 30}px`;
  }
}

// For each lane ("role|name") the spans of its tasks, from all pictures of the window.
function collect(model, index, from) {
  const spans = new Map();
  const lanes = new Map();
  let last = null;
  const before = model.last("tree", Math.max(model.dropped, index - model.since(from, index).length));
  const trees = [before, ...model.since(from, index).filter(record => record.k === "tree" && record.map)];
  for (const record of trees) {
    if (!record || record.map === last) continue;
    const role = roles(record.map);
    for (const [id, row] of record.map) {
      if (role.get(id) === "network") continue;
      if (!spans.has(id)) {
        const span = { from: record === before ? from - 1 : record.t, to: null, cancelled: [] };
        spans.set(id, span);
        const lane = `${role.get(id)}|${label(row.name)}`;
        if (!lanes.has(lane)) lanes.set(lane, []);
        lanes.get(lane).push(span);
      }
    }
    const boxes = new Set([...record.map.values()].flatMap(row => row.boxes.map(box => box.id)));
    for (const [id, span] of spans) {
      if (span.to === null && !record.map.has(id)) span.to = record.t;
      for (const red of span.cancelled) if (red.to === null && !boxes.has(red.box)) red.to = span.to ?? record.t;
    }
    for (const why of record.why) if (why.what === "cancelled" && !isHousekeeping(why)) for (const each of why.reached) {
      spans.get(each.task)?.cancelled.push({ from: record.t, to: null, box: why.box });
    }
    last = record.map;
  }
  return lanes;
}

// Write the names of frames where there is room: closes first, then other control frames, then data.
function writeNames(context, names, labels, width) {
  const taken = new Map();
  for (const name of names.filter(name => name.at >= labels).sort((a, b) => a.rank - b.rank)) {
    const size = context.measureText(name.words).width;
    const left = Math.min(name.at, width - size - 2), right = left + size;
    if (!taken.has(name.y)) taken.set(name.y, []);
    if (!isFree(taken.get(name.y), left, right)) continue;
    taken.get(name.y).push({ left, right });
    context.fillStyle = name.colour;
    context.fillText(name.words, left, name.y);
  }
}

function isFree(taken, left, right) {
  return taken.every(each => right + 6 <= each.left || left - 6 >= each.right);
}

function place(lane) {
  const [role, name] = lane.split("|");
  return (role === "client" ? 0 : 100) + (ORDER[role].indexOf(name) + 50) % 50;
}

function framesOf(model, index, from) {
  return model.since(from, index).filter(record => record.k === "frame");
}

function bar(context, x, y, width, height) {
  context.beginPath(); context.roundRect(x, y, width, height, 3); context.fill();
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["client", "server", "network", "line", "soft", "ink", "cancelled", "panel"];
  return Object.fromEntries(names.map(name => [name, style.getPropertyValue(`--${name}`)]));
}
