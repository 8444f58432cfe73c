// How fast one decides: pairs a minute, from the last decisions, without pauses.

const COUNTED = 30;
const PAUSE = 60000; // milliseconds; longer looks are pauses

export class Speed {
  constructor() {
    this.looks = [];
    this.since = null;
  }

  begin() {
    this.since = performance.now();
  }

  // the seconds since the pair was shown
  end() {
    const look = performance.now() - (this.since ?? performance.now());
    if (look < PAUSE) this.looks = [...this.looks, look].slice(-COUNTED);
    return Math.round(look) / 1000;
  }

  back() {
    this.looks.pop();
  }

  told(left) {
    if (this.looks.length < 3) return "";
    const mean = this.looks.reduce((sum, look) => sum + look, 0) / this.looks.length;
    const rate = Math.min(999, Math.round(60000 / mean));
    const minutes = Math.ceil((left * mean) / 60000);
    const rest = minutes >= 90 ? `${Math.round(minutes / 60)} h` : `${minutes} min`;
    return left ? `${rate} a minute · ${rest} left` : `${rate} a minute`;
  }
}
