// What the server has told, and what the world looked like at each step.  Nothing here draws.
//
// A record is one thing that happened.  Some records are steps: what one can step to.
// Pictures of the tree come as changes; each gets a whole map of rows, which shares the rows
// that have not changed.  So going to any step costs nothing.

export const CAPACITY = 5_000_000; // characters, as the server keeps
const STEPS = new Set(["tree", "press", "state", "story", "program", "server", "handler"]);

export class Model {
  constructor() {
    this.clear();
  }

  clear() {
    this.records = [];
    this.size = 0;
    this.first = 0;
    this.dropped = 0; // how many records were forgotten
    this.rows = null; // the newest map of rows, or null before the first complete picture
    this.frames = new Map();
  }

  // The first place of which there is a picture.
  get begin() {
    if (this.first < this.dropped || !this.at(this.first)?.map) {
      this.first = this.dropped;
      while (this.first < this.end && !this.at(this.first).map) this.first++;
    }
    return this.first;
  }

  get end() {
    return this.dropped + this.records.length;
  }

  at(index) {
    return this.records[index - this.dropped];
  }

  add(records, size) {
    const each = size / Math.max(1, records.length);
    for (const record of records) {
      record.weight = each;
      this.#take(record);
      this.records.push(record);
    }
    this.size += size;
    let drop = 0;
    while (this.size > CAPACITY && drop < this.records.length - 1) this.size -= this.records[drop++].weight;
    for (const record of this.records.splice(0, drop)) if (record.k === "frame") this.frames.delete(record.id);
    this.dropped += drop;
  }

  #take(record) {
    if (record.k === "tree") {
      if (record.full) this.rows = new Map(record.rows.map(row => [row.id, row]));
      else if (this.rows) {
        this.rows = new Map(this.rows);
        for (const id of record.gone) this.rows.delete(id);
        for (const row of record.rows) this.rows.set(row.id, row);
      }
      record.map = this.rows;
      delete record.rows;
    } else if (record.k === "frame") {
      record.landed = null;
      this.frames.set(record.id, record);
    } else if (record.k === "landed") {
      const frame = this.frames.get(record.id);
      if (frame) frame.landed = record.t;
    }
  }

  isStep(index) {
    const record = this.at(index);
    return record !== undefined && STEPS.has(record.k) && !(record.k === "tree" && !record.map);
  }

  isEventful(index) {
    const record = this.at(index);
    return record.k === "tree" && record.why.length > 0;
  }

  // The last record of a kind, at or before a place.
  last(kind, index) {
    for (let i = Math.min(index, this.end - 1); i >= this.dropped; i--) {
      if (this.at(i).k === kind && (kind !== "tree" || this.at(i).map)) return this.at(i);
    }
    return null;
  }

  // The records of some seconds before a place, the oldest first.
  since(time, index) {
    let i = Math.min(index, this.end - 1);
    while (i >= this.dropped && this.at(i).t >= time) i--;
    return this.records.slice(i + 1 - this.dropped, index + 1 - this.dropped);
  }
}

// A scope of the reader that ends for a heartbeat cancels nothing but a wait.
export function isHousekeeping(why) {
  return why.function.startsWith("Reader.");
}

// Names

export function label(name) {
  const words = name.split(" ");
  if (words[0] === "trio_ws") return words.length > 2 ? words[1] : "handler";
  if (words.at(-1) === "stability") return "stability timer";
  const parts = name.split(".");
  if (parts.at(-1) === "serve_forever") return "accept";
  return parts.at(-1) === "run" && parts.length > 1 ? parts.at(-2).toLowerCase() : parts.at(-1);
}

// Whose task a row is, from the task above it that the world has named.
export function roles(map) {
  const boxes = new Map();
  const found = new Map();
  for (const row of map.values()) for (const box of row.boxes) boxes.set(box.id, row.id);
  const role = id => {
    if (!found.has(id)) {
      const row = map.get(id);
      const own = row.name === "client" || row.name === "server" ? row.name : null;
      const above = row.in === null ? undefined : boxes.get(row.in);
      found.set(id, own ?? (above === undefined ? "network" : role(above)));
    }
    return found.get(id);
  };
  for (const id of map.keys()) role(id);
  return found;
}

export function roleOfLabel(name) {
  if (/\(client\)|^(client|orders|book|keyboard|stability)/.test(name)) return "client";
  return /\(server\)|^(server|handler|prices|buttons|accept)/.test(name) ? "server" : "network";
}
