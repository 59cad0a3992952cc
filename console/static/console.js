// What the pages need beyond HTML and htmx: times in the viewer's zone, a refresh that can be paused, a question before
// what cannot be undone, and a form that is not lost when a session has ended.
"use strict";

(function () {
  const REFRESH_S = 10;
  const SPANS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const year = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  function since(at) {
    const seconds = Math.round((at - Date.now()) / 1000);
    const [unit, size] = SPANS.find(([, one]) => Math.abs(seconds) >= one) || SPANS[3];
    return words.format(Math.trunc(seconds / size), unit);
  }

  // As much of the date as is needed; the title has all of it.
  function when(at) {
    const today = new Date();
    if (at.toDateString() === today.toDateString()) return clock.format(at);
    return (at.getFullYear() === today.getFullYear() ? day : year).format(at);
  }

  function showTimes(root) {
    root.querySelectorAll("time[datetime]").forEach((one) => {
      const at = new Date(one.dateTime);
      if (isNaN(at)) return;
      const form = one.dataset.form;
      one.textContent = form === "ago" ? since(at) : form === "clock" ? clock.format(at) : when(at);
      one.title = exact.format(at);
    });
  }

  // Refresh

  const toggle = document.getElementById("refresh");
  let paused = sessionStorage.getItem("refresh") === "paused";

  function drawToggle() {
    if (!toggle) return;
    toggle.setAttribute("aria-pressed", String(paused));
    toggle.querySelector("span").textContent = paused ? "Paused" : "Live";
  }

  // A table that is wider than the page is scrolled by keyboard too.
  function reachScrolling() {
    document.querySelectorAll(".scroll:not([role])").forEach((one) => {
      if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
      else one.removeAttribute("tabindex");
    });
  }

  function busy() {
    const live = document.getElementById("live");
    const held = live && live.contains(document.activeElement) && document.activeElement !== document.body;
    const chosen = window.getSelection && !window.getSelection().isCollapsed;
    return !live || document.hidden || held || chosen || live.querySelector("details[open], dialog[open], td input:checked");
  }

  function tick() {
    if (!paused && !busy()) document.body.dispatchEvent(new Event("refresh"));
    showTimes(document);
  }

  // Forms

  function ask(event) {
    const question = event.submitter && event.submitter.dataset.ask;
    if (question && !window.confirm(question)) event.preventDefault();
    else keep(event.target);
  }

  function keep(form) {
    if (form.method !== "post" || !form.dataset.keep) return;
    const kept = {};
    new FormData(form).forEach((value, name) => {
      const input = form.elements[name];
      if (typeof value === "string" && input && input.type !== "password" && input.type !== "hidden") kept[name] = value;
    });
    sessionStorage.setItem("form:" + form.dataset.keep, JSON.stringify(kept));
  }

  function restore() {
    const refused = document.querySelector('.said.bad[role="alert"]:not([hidden])');
    document.querySelectorAll("form[data-keep]").forEach((form) => {
      const key = "form:" + form.dataset.keep;
      const kept = sessionStorage.getItem(key);
      sessionStorage.removeItem(key);
      // Who comes back from signing in, or was refused, finds what was typed; anybody else has seen the answer to the form.
      if (!kept || !(refused || document.referrer.includes("/sign-in"))) return;
      if (form.closest("details")) form.closest("details").open = true;
      Object.entries(JSON.parse(kept)).forEach(([name, value]) => {
        if (form.elements[name]) form.elements[name].value = value;
      });
    });
  }

  document.addEventListener("submit", ask);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
    const opens = event.target.dataset && event.target.dataset.opens;
    if (opens) document.getElementById(opens).open = event.target.value === opens;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#menu")) {
      const open = document.body.classList.toggle("menu-open");
      document.getElementById("menu").setAttribute("aria-expanded", String(open));
    }
    if (event.target.closest("#refresh")) {
      paused = !paused;
      sessionStorage.setItem("refresh", paused ? "paused" : "on");
      drawToggle();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      const search = document.getElementById("search");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
  document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-Refresh"] = "1"; });
  document.addEventListener("htmx:afterSwap", () => { showTimes(document); reachScrolling(); });
  window.addEventListener("resize", reachScrolling);
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) { paused = true; document.getElementById("signed-out").hidden = false; drawToggle(); }
  });

  restore();
  drawToggle();
  showTimes(document);
  reachScrolling();
  let waited = 0;
  setInterval(() => {
    const live = document.getElementById("live");
    waited += 1;
    if (waited < Number((live && live.dataset.every) || REFRESH_S)) return;
    waited = 0;
    tick();
  }, 1000);
})();
