// What is scrolled stays where it is, when the live part of a page is exchanged.

(() => {
  "use strict";

  const places = new Map();

  document.addEventListener("htmx:sseBeforeMessage", () => {
    document.querySelectorAll("[data-keep-scroll]").forEach((each) => {
      places.set(each.dataset.keepScroll, [each.scrollLeft, each.scrollTop]);
    });
  });

  document.addEventListener("htmx:sseMessage", () => {
    document.querySelectorAll("[data-keep-scroll]").forEach((each) => {
      const place = places.get(each.dataset.keepScroll);
      if (place) [each.scrollLeft, each.scrollTop] = place;
    });
  });
})();
