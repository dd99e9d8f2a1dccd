// Which step is shown: the newest, or the one that was chosen.
//
// In slow motion each event of the tree stays for a moment, so that one sees the order
// in which tasks end; the rest is caught up with.

const STEP = 280; // milliseconds that an event stays
const HURRY = 70; // if there is very much to catch up with

export class Player {
  constructor(model) {
    this.model = model;
    this.index = -1; // the record that is shown, with all before it
    this.playing = true;
    this.slow = true;
    this.offset = 0; // server's clock minus ours, in seconds
    this.shownAt = 0;
  }

  get behind() {
    const last = this.model.at(this.model.end - 1);
    const here = this.model.at(this.index);
    return last && here ? last.t - here.t : 0;
  }

  get live() {
    return this.playing && this.index >= this.model.end - 1;
  }

  // The time that is shown: that of the record, or the present.
  time() {
    if (this.live) return performance.now() / 1000 + this.offset;
    const record = this.model.at(this.index);
    return record ? record.t : 0;
  }

  // Go on as far as it is time to; return true if something else is shown now.
  advance(now) {
    const before = this.index;
    this.index = Math.max(this.index, this.model.begin);
    if (!this.playing) return this.index !== before;
    const wait = this.behind > 8 ? HURRY : STEP;
    while (this.index < this.model.end - 1) {
      if (this.slow && this.model.isEventful(this.index + 1)) {
        if (now - this.shownAt < wait) break;
        this.shownAt = now;
      }
      this.index++;
    }
    return this.index !== before;
  }

  pause(paused = true) {
    this.playing = !paused;
  }

  goLive() {
    this.playing = true;
    this.index = this.model.end - 1;
  }

  seek(index) {
    this.playing = false;
    this.index = Math.min(Math.max(index, this.model.begin), this.model.end - 1);
  }

  step(direction) {
    this.playing = false;
    let index = this.index + direction;
    while (index > this.model.begin && index < this.model.end - 1 && !this.model.isStep(index)) index += direction;
    this.seek(index);
  }
}
