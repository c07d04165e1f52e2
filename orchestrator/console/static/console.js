// What a page does besides being read: it follows changes, and keeps ages true. Without it, everything can be read.

(() => {
  "use strict";

  // The live part: a stream that rests while nobody sees the page, and while somebody has asked it to.
  // Browsers open six connections to a host and no more, so that hidden pages would keep the shown one waiting.

  const AGAIN = 3000;

  class RestingSource extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
      this.names = new Set();
      this.onopen = null;
      this.onerror = null;
      RestingSource.all.add(this);
      this.follow();
    }

    get readyState() {
      return this.stream ? this.stream.readyState : EventSource.CONNECTING;
    }

    addEventListener(name, listener) {
      super.addEventListener(name, listener);
      if (!this.names.has(name)) {
        this.names.add(name);
        if (this.stream) this.pass(name);
      }
    }

    follow() {
      const resting = document.hidden || RestingSource.paused;
      if (resting && this.stream) {
        this.stream.close();
        this.stream = null;
      } else if (!resting && !this.stream && !this.closed) {
        this.stream = new EventSource(this.url);
        this.stream.onopen = (event) => { tell("on"); if (this.onopen) this.onopen(event); };
        // A browser tries again by itself, but where the answer was an error; so htmx need not hear of it.
        this.stream.onerror = () => {
          tell("lost");
          if (this.stream && this.stream.readyState === EventSource.CLOSED) setTimeout(() => this.again(), AGAIN);
        };
        this.stream.addEventListener("signed-out", () => { location.reload(); });
        this.names.forEach((name) => this.pass(name));
      }
    }

    pass(name) {
      this.stream.addEventListener(name, (event) => {
        this.dispatchEvent(new MessageEvent(name, { data: event.data, lastEventId: event.lastEventId }));
      });
    }

    again() {
      if (this.stream) this.stream.close();
      this.stream = null;
      this.follow();
    }

    close() {
      this.closed = true;
      if (this.stream) this.stream.close();
      RestingSource.all.delete(this);
    }
  }
  RestingSource.all = new Set();
  RestingSource.paused = false;

  htmx.createEventSource = (url) => new RestingSource(url);

  const followAll = () => RestingSource.all.forEach((source) => source.follow());
  document.addEventListener("visibilitychange", followAll);
  // A page that the browser keeps for "back" must not hold its stream.
  addEventListener("pagehide", () => RestingSource.all.forEach((source) => source.close()));
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  const WORDS = { on: "live", lost: "connection lost, trying again", off: "paused" };

  function tell(state) {
    document.querySelectorAll(".liveness").forEach((shown) => {
      shown.className = `liveness ${state}`;
      shown.textContent = WORDS[state];
    });
  }

  function addSwitch() {
    const row = document.createElement("p");
    row.className = "row switch";
    const shown = document.createElement("span");
    shown.className = "liveness";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = "Pause";
    button.addEventListener("click", () => {
      RestingSource.paused = !RestingSource.paused;
      button.textContent = RestingSource.paused ? "Go on" : "Pause";
      if (RestingSource.paused) tell("off");
      followAll();
    });
    row.append(shown, button);
    document.querySelector("main").prepend(row);
  }

  // What is exchanged under somebody's hands: the focus, and what was unfolded, stay.

  const isWritten = (part) => {
    const active = document.activeElement;
    return part.contains(active) && active.matches("input:not([type=hidden]), textarea, select");
  };

  let kept = null;
  let missed = false;

  document.addEventListener("focusout", () => {
    if (missed) RestingSource.all.forEach((source) => source.again());
    missed = false;
  });

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const part = event.target;
    if (!part.matches("[data-shown]")) return;
    if (isWritten(part)) {
      missed = true;
      event.preventDefault();
      return;
    }
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    kept = {
      focus: active && (active.id ? `#${CSS.escape(active.id)}` : active.getAttribute("href")),
      byAddress: Boolean(active && !active.id),
      unfolded: [...part.querySelectorAll("details[open][id]")].map((each) => each.id),
    };
  });

  document.addEventListener("htmx:sseMessage", (event) => {
    const part = event.target;
    if (!part.matches("[data-shown]") || !kept) return;
    kept.unfolded.forEach((id) => {
      const found = document.getElementById(id);
      if (found) found.open = true;
    });
    if (kept.focus) {
      const found = kept.byAddress
        ? [...part.querySelectorAll("a[href]")].find((each) => each.getAttribute("href") === kept.focus)
        : part.querySelector(kept.focus);
      if (found) found.focus({ preventScroll: true });
    }
    kept = null;
    keepAges();
    document.dispatchEvent(new CustomEvent("console:shown", { detail: part }));
  });

  // Forms that came by the stream are the same for everybody: the caller's own token is put in here.

  document.addEventListener("submit", (event) => {
    const field = event.target.querySelector('input[name="forgery_token"]');
    const token = document.querySelector('meta[name="forgery-token"]');
    if (field && token && !field.value) field.value = token.content;
  }, true);

  // Ages.

  const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

  function inWords(seconds) {
    const [size, name] = UNITS.find(([each]) => seconds >= each) || UNITS[3];
    const number = Math.floor(seconds / size);
    return `${number} ${name}${number === 1 ? "" : "s"}`;
  }

  function keepAges() {
    document.querySelectorAll("time[data-age]").forEach((shown) => {
      const seconds = (Date.now() - Date.parse(shown.dateTime)) / 1000;
      let text = seconds >= 0 ? "just now" : "in a moment";
      if (seconds >= 10) text = `${inWords(seconds)} ago`;
      if (seconds <= -10) text = `in ${inWords(-seconds)}`;
      if (shown.textContent !== text) shown.textContent = text;
    });
  }

  if (document.querySelector("[data-live]")) addSwitch();
  setInterval(keepAges, 5000);
})();
