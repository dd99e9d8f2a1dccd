// The task tree: boxes nest as scopes nest.
//
//   task     a row with its name and the line at which it waits; below it, what it is in
//   box      a nursery (dashed), a cancel scope (rounded), a shield (double line)
//
// A scope that is there to sleep in is shown as the time that is left.

import { label, roles } from "./model.js";

const MAKERS = {
  SupervisedBlock: "the connection's",
  Block: "the connection's",
  ConnectionBlock: "the connection's",
  BackgroundTask: "the supervisor's",
  HandshakeSlot: "the handshake's",
  MemoryNetwork: "the network's",
};

export class Tree {
  constructor(root) {
    this.root = root;
    this.elements = new Map();
  }

  draw(map, reached, now) {
    this.now = now;
    this.reached = reached;
    this.roles = roles(map);
    this.children = new Map();
    for (const row of map.values()) {
      if (!this.children.has(row.in)) this.children.set(row.in, []);
      this.children.get(row.in).push(row);
    }
    const seen = new Set();
    this.seen = seen;
    const top = (this.children.get(null) ?? []).map(row => this.#task(row, true));
    replace(this.root, top);
    for (const [key, element] of this.elements) if (!seen.has(key)) { element.remove(); this.elements.delete(key); }
  }

  #element(key, className, make) {
    this.seen.add(key);
    let element = this.elements.get(key);
    if (!element) {
      element = make();
      this.elements.set(key, element);
      element.className = `${className} new`;
    } else if (element.className !== className && element.className !== `${className} new`) element.className = className;
    return element;
  }

  #task(row, top = false) {
    const hit = this.reached.has(row.id);
    const element = this.#element(`t${row.id}`, hit ? "task reached" : "task", () => {
      const made = document.createElement("div");
      made.dataset.task = row.id;
      made.append(div("row"));
      made.firstChild.append(span("name"), span("line code"), span("timer"));
      return made;
    });
    element.dataset.role = this.roles.get(row.id);
    const [name, line, timer] = element.firstChild.children;
    text(name, label(row.name));
    drawLine(line, row);
    const sleeps = row.boxes.filter(box => box.timer);
    text(timer, sleeps.length ? remaining(sleeps.at(-1).deadline, this.now) : "");
    const boxes = row.boxes.filter(box => !box.timer);
    replace(element, [element.firstChild, ...this.#boxes(row, boxes, 0, top)]);
    return element;
  }

  #boxes(row, boxes, at, top) {
    if (at === boxes.length) return [];
    const box = boxes[at];
    const kind = box.nursery ? "nursery" : "scope";
    const className = ["box", kind, box.shield && "shield", box.cancelled && "cancelled"].filter(Boolean).join(" ");
    const element = this.#element(`b${box.id}`, className, () => {
      const made = document.createElement("div");
      made.dataset.box = box.id;
      made.append(div("caption"), div(""));
      return made;
    });
    const stage = top && at === boxes.length - 1;
    element.lastChild.className = stage ? "stage" : "";
    text(element.firstChild, caption(box, this.now));
    const rows = box.nursery ? this.children.get(box.id) ?? [] : [];
    if (stage) rows.sort((a, b) => (a.name === "client" ? 0 : 1) - (b.name === "client" ? 0 : 1));
    const tasks = rows.map(each => this.#task(each));
    replace(element.lastChild, [...tasks, ...this.#boxes(row, boxes, at + 1, top)]);
    return [element];
  }
}

function caption(box, now) {
  const what = box.nursery ? "nursery" : box.shield ? "shielded scope" : "cancel scope";
  const whose = MAKERS[box.maker];
  const name = whose ? `${whose} ${what === "cancel scope" && whose.startsWith("the connection") ? "body scope" : what}` : `${what} in ${box.function}`;
  const time = box.deadline === undefined || box.cancelled ? "" : ` · ${remaining(box.deadline, now)}`;
  return `${box.cancelled ? "cancelled: " : ""}${name}${time}`;
}

export function remaining(deadline, now) {
  if (deadline === undefined) return "";
  return `${Math.max(0, deadline - now).toFixed(1)} s left`;
}

function drawLine(element, row) {
  const [file, number, source] = row.lines[0] ?? ["", "", ""];
  const place = file ? `${file.split("/").at(-1)}:${number}` : "";
  text(element, `${place} ${source}`, () => {
    const code = document.createElement("em");
    code.textContent = source;
    element.replaceChildren(`${place} `, code);
    element.title = row.lines.map(([path, at, words]) => `${path}:${at}\n    ${words}`).join("\n");
  });
}

// Write only what has changed: selections and animations stay.
function text(element, words, write = () => { element.textContent = words; }) {
  if (element.dataset.words === words) return;
  element.dataset.words = words;
  write();
}

function replace(parent, children) {
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

function div(className) {
  const element = document.createElement("div");
  element.className = className;
  return element;
}

function span(className) {
  const element = document.createElement("span");
  element.className = className;
  return element;
}
