// Script of the desk. Every page works without it: it searches as one types, keeps unsaved text in the browser, and fills in
// the time zone.

// A box with data-all ticks all boxes of its form. It is hidden without JavaScript.
function showChooser(part) {
  for (const box of part.querySelectorAll("[data-all]")) box.hidden = false;
}
showChooser(document);
addEventListener("change", ({ target }) => {
  if (!target.matches("[data-all]")) return;
  for (const box of target.form.querySelectorAll("[name=id]")) box.checked = target.checked;
});

// A form with data-live="#part #other" asks for its page again while one types, and replaces those parts of the page.
const asked = new Map();
addEventListener("input", (event) => {
  const form = event.target.closest("form[data-live]");
  if (!form || event.target.closest("[data-still]")) return;
  const parts = form.dataset.live;
  const state = asked.get(parts) ?? { timer: 0, number: 0 };
  asked.set(parts, state);
  clearTimeout(state.timer);
  state.timer = setTimeout(async () => {
    const query = new URLSearchParams();
    for (const field of form.elements) {
      if (field.name && field.type !== "submit" && !field.matches("[data-still]")) query.append(field.name, field.value);
    }
    // A search for people is posted: an address never stands in a URL.
    const isPosted = form.method === "post";
    const path = form.action.split("?")[0];
    const url = isPosted ? path : `${path}?${query}`;
    const number = ++state.number;
    const response = await fetch(url, isPosted ? { method: "POST", body: query } : {});
    const text = await response.text();
    // An answer that was overtaken by a newer one is dropped.
    if (number !== state.number) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const name of parts.split(" ")) {
      const [part, old] = [page.querySelector(name), document.querySelector(name)];
      if (!part || !old) continue;
      showChooser(part);
      old.replaceWith(document.adoptNode(part));
    }
    if (!isPosted) history.replaceState(null, "", url);
  }, 300);
});

// A form with data-keep="name" saves itself 3 s after a change and when the page is left, says so, and keeps its text in this
// browser until the server has it. What somebody else changed meanwhile is not overwritten.
for (const form of document.querySelectorAll("form[data-keep]")) {
  const key = form.dataset.keep;
  const status = form.querySelector("[data-kept]");
  const { body: text, version } = form.elements;
  const frame = document.querySelector("iframe[data-live-preview]");
  const read = () => {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  };
  let timer, changes = 0, saved = 0, isSaving = false, isStopped = false;
  const say = (state, more = "") => {
    status.dataset.state = state;
    status.textContent = `${status.dataset[state]} ${more}`.trim();
  };
  const keep = () => {
    const kept = JSON.stringify({ version: version.value, text: text.value });
    try { localStorage.setItem(key, kept); } catch { /* Private windows keep nothing. */ }
  };
  const save = async (isLeaving) => {
    clearTimeout(timer);
    if (isSaving || isStopped || saved === changes) return;
    const number = changes;
    const query = new URLSearchParams(new FormData(form));
    query.delete("overwrite");
    query.append("autosave", "1");
    isSaving = true;
    say("saving");
    try {
      // A browser sends at most 64 KB for a page that is left; what is longer stays in its copy.
      const keepalive = isLeaving === true && query.toString().length < 60000;
      const response = await fetch(form.action, { method: "POST", body: query, keepalive });
      if (response.status === 401) {
        say("signedOut");
        timer = setTimeout(save, 10000);
        isSaving = false;
        return;
      }
      const answer = await response.json();
      if (response.ok) {
        version.value = answer.version;
        saved = number;
        if (saved === changes) {
          localStorage.removeItem(key);
          say("saved", new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }));
        } else {
          keep();
        }
        if (frame) frame.src = frame.src;
      } else if (answer.conflict) {
        isStopped = true;
        say("conflict", answer.problem);
      } else if (answer.version) {
        version.value = answer.version;
        saved = number;
        if (saved === changes) localStorage.removeItem(key); else keep();
        say("unfinished", answer.problem);
      } else {
        saved = number;
        say("local", answer.problem);
      }
    } catch {
      say("offline");
      timer = setTimeout(save, 10000);
    }
    isSaving = false;
    if (saved !== changes && !isStopped && status.dataset.state !== "offline") plan();
  };
  const plan = () => { clearTimeout(timer); timer = setTimeout(save, 3000); };
  const changed = () => { changes += 1; keep(); if (!isStopped) { say("dirty"); plan(); } };

  const kept = read();
  const isRefused = document.querySelector("#mistake") && form.dataset.unfinished === undefined;
  if (kept && kept.version === version.value && kept.text !== text.value && !isRefused) {
    const stored = text.value;
    text.value = kept.text;
    changed();
    const undo = document.createElement("button");
    undo.type = "button";
    undo.className = "quiet small";
    undo.textContent = "↶";
    undo.addEventListener("click", () => { text.value = stored; undo.remove(); changed(); });
    status.after(undo);
  } else if (kept && kept.version !== version.value && !isRefused) {
    localStorage.removeItem(key);
  }
  form.addEventListener("input", changed);
  form.addEventListener("submit", () => { isStopped = true; clearTimeout(timer); });
  addEventListener("pagehide", () => save(true));
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(true); });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); form.requestSubmit(); }
  });
}

// In the form of an email, what stands in code[data-insert] is a button that inserts it at the cursor.
for (const form of document.querySelectorAll("form.editing")) {
  const { body, subject, preheader } = form.elements;
  let last = body;
  for (const field of [body, subject, preheader]) field.addEventListener("focus", () => { last = field; });
  for (const code of form.querySelectorAll("code[data-insert]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.textContent = code.dataset.label || code.textContent;
    button.addEventListener("click", () => {
      last.setRangeText(code.textContent, last.selectionStart, last.selectionEnd, "end");
      last.dispatchEvent(new Event("input", { bubbles: true }));
      last.focus();
    });
    code.replaceWith(button);
  }
  // A line with a mistake is selected.
  const line = form.querySelector("[data-line]")?.dataset.line;
  if (line) {
    const above = body.value.split("\n").slice(0, line - 1).join("\n");
    const start = above.length + (line > 1 ? 1 : 0);
    body.setSelectionRange(start, (body.value + "\n").indexOf("\n", start));
    body.scrollTop = body.scrollHeight * (line / body.value.split("\n").length) - body.clientHeight / 2;
  }
  // The ways to look at the preview.
  const frame = document.querySelector("iframe[data-live-preview]");
  for (const link of document.querySelectorAll("a[target=preview]")) {
    link.addEventListener("click", (event) => { event.preventDefault(); frame.src = link.href; });
  }
}

// The time zone of the browser, where none was chosen.
for (const field of document.querySelectorAll("input[data-zone]")) {
  if (!field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// A form with data-drop takes a file that is dropped anywhere on the page.
for (const form of document.querySelectorAll("form[data-drop]")) {
  const hasFile = (event) => [...event.dataTransfer.types].includes("Files");
  form.querySelector("[data-drop-note]").hidden = false;
  addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    form.classList.add("is-over");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("is-over"); });
  addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    form.classList.remove("is-over");
    form.elements.file.files = event.dataTransfer.files;
    form.querySelector("button").focus();
  });
}
