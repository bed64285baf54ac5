// What pages do beyond forms and links: ask before a deletion, copy code, count and show choices at once, check files and
// values, move by keys.
(() => {
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest("button[data-confirm]");
      if (!button) return;
      const chosen = button.form?.querySelector("output")?.textContent;
      const question = [chosen && `${chosen}.`, button.dataset.confirm].filter(Boolean).join(" ");
      if (!window.confirm(question)) event.preventDefault();
    },
    true,
  );

  const addCopyButtons = (root) => {
    for (const pre of root.querySelectorAll("pre[data-copy], .text pre")) {
      if (pre.parentElement.classList.contains("copyable")) continue;
      const box = document.createElement("div");
      box.className = "copyable";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy quiet";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 1500);
      });
      pre.replaceWith(box);
      box.append(pre, button);
    }
  };
  addCopyButtons(document);
  document.addEventListener("htmx:afterSettle", (event) =>
    addCopyButtons(event.target.parentElement ?? document),
  );

  // Buttons for what is chosen wait until something is.
  const countChosen = () => {
    const form = document.querySelector("form[data-choice]");
    if (!form) return;
    const count = form.querySelectorAll("input:checked").length;
    form.querySelector("output").textContent = count === 0 ? "" : `${count} chosen`;
    for (const button of form.querySelectorAll("button")) button.disabled = count === 0;
  };
  for (const moment of ["change", "htmx:afterSettle"])
    document.addEventListener(moment, countChosen);
  window.addEventListener("pageshow", countChosen); // a browser that goes back keeps what was chosen

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("input[type=file][data-max-bytes]")) return;
    const isTooLarge = target.files[0]?.size > Number(target.dataset.maxBytes);
    target.setCustomValidity(isTooLarge ? target.dataset.tooLarge : "");
    document.querySelector("main > .fault")?.remove(); // it was about the file before
    target.reportValidity();
  });

  // A value that is no JSON stays in its field: the answer to the form would show the stored one.
  const isJson = (text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("textarea[data-json]")) return;
    const fault = 'The value is not JSON. Text stands in quotes: "like this".';
    target.setCustomValidity(isJson(target.value) ? "" : fault);
  });

  for (const form of document.querySelectorAll("form[data-auto]"))
    form.addEventListener("change", () => form.requestSubmit());

  // Live parts. The focus stays on what has an id. A stream names those that have changed; htmx then asks for each. A page out of sight has none: browsers
  // open few connections to one server. A page without a stream asks now and then.
  const ASK_MS = 5000;
  const liveParts = () => [...document.querySelectorAll("[data-live]")];
  const changed = new Set();
  let stream;
  let listened = "";
  // A stream begins with all parts. Until they are here, a proxy may hold it up: the page goes on asking.
  let isHeard = false;

  const ask = () => {
    for (const element of liveParts()) {
      const part = element.dataset.live;
      // What has changed since a request was sent is asked for after its answer.
      if (!changed.has(part) || element.classList.contains("htmx-request")) continue;
      changed.delete(part);
      window.htmx.trigger(element, "live");
    }
  };
  const askForAll = () => {
    for (const { dataset } of liveParts()) changed.add(dataset.live);
    ask();
  };
  const listen = ({ again = false } = {}) => {
    const parts = document.hidden
      ? []
      : [...new Set(liveParts().map(({ dataset }) => dataset.live))];
    const query = new URLSearchParams(parts.map((part) => ["part", part])).toString();
    if (query === listened && !(again && stream?.readyState === EventSource.CLOSED)) return;
    listened = query;
    stream?.close();
    isHeard = false;
    stream = query === "" ? undefined : new EventSource(`/console/live?${query}`);
    stream?.addEventListener("message", ({ data }) => {
      isHeard = true;
      changed.add(data);
      ask();
    });
    stream?.addEventListener("error", askForAll);
  };
  listen();
  document.addEventListener("visibilitychange", () => listen());
  document.addEventListener("htmx:afterRequest", () => {
    listen(); // the answer may have other live parts
    ask();
  });
  setInterval(() => {
    if (document.hidden || (isHeard && stream?.readyState === EventSource.OPEN)) return;
    listen({ again: true });
    askForAll();
  }, ASK_MS);

  // A page that had lost its server says so, and goes on by itself.
  const status = document.createElement("p");
  status.className = "banner lost";
  status.setAttribute("role", "status");
  status.textContent = "The server does not answer. This page goes on by itself when it is back.";
  document.addEventListener("htmx:sendError", () => document.body.prepend(status));
  document.addEventListener("htmx:afterOnLoad", () => status.remove());

  document.addEventListener("keydown", (event) => {
    const isBox = event.target.matches("input[type=checkbox]");
    const isTyping = !isBox && event.target.matches("input, textarea, select");
    if (event.key === "/" && !isTyping) {
      const field = document.querySelector("input[type=search]");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (isTyping && !event.target.matches("input[type=search]")) return;
    const all = [
      ...document.querySelectorAll(
        isBox ? ".sessions li > input" : ".sessions li > a, .hits li > a",
      ),
    ];
    const at = all.indexOf(document.activeElement);
    const next = all[event.key === "ArrowDown" ? at + 1 : Math.max(0, at - 1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
})();
