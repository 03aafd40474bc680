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

// A form with data-live="#part" asks for its page again while one types, and replaces that part of the page.
for (const form of document.querySelectorAll("form[data-live]")) {
  let timer, asked = 0;
  form.addEventListener("input", (event) => {
    if (event.target.closest("[data-still]")) return;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const query = new URLSearchParams();
      for (const field of form.elements) {
        if (field.name && !field.matches("[data-still]")) query.append(field.name, field.value);
      }
      // A search for people is posted: an address never stands in a URL.
      const isPosted = form.method === "post";
      const path = form.action.split("?")[0];
      const url = isPosted ? path : `${path}?${query}`;
      const number = ++asked;
      const response = await fetch(url, isPosted ? { method: "POST", body: query } : {});
      const text = await response.text();
      // An answer that was overtaken by a newer one is dropped.
      if (number !== asked) return;
      const part = new DOMParser().parseFromString(text, "text/html").querySelector(form.dataset.live);
      if (!part) return;
      showChooser(part);
      document.querySelector(form.dataset.live).replaceWith(document.adoptNode(part));
      if (!isPosted) history.replaceState(null, "", url);
    }, 300);
  });
}

// A form with data-keep="name" keeps its text in this browser until the server has it.
for (const form of document.querySelectorAll("form[data-keep]")) {
  const key = form.dataset.keep;
  const status = form.querySelector("[data-kept]");
  const text = form.elements.body;
  const version = form.elements.version.value;
  const read = () => {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  };
  const kept = read();
  if (kept && kept.version === version && kept.text !== text.value && !document.querySelector("#mistake")) {
    const saved = text.value;
    text.value = kept.text;
    const undo = document.createElement("button");
    undo.type = "button";
    undo.className = "quiet small";
    undo.textContent = "↶";
    undo.addEventListener("click", () => { text.value = saved; localStorage.removeItem(key); undo.remove(); });
    status.replaceChildren("●", undo);
  } else if (kept && kept.version !== version) {
    localStorage.removeItem(key);
  }
  text.addEventListener("input", () => {
    try { localStorage.setItem(key, JSON.stringify({ version, text: text.value })); } catch { /* Private windows keep nothing. */ }
    status.textContent = "●";
  });
  form.addEventListener("submit", () => { status.textContent = "…"; });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") { event.preventDefault(); form.requestSubmit(); }
  });
}

// The time zone of the browser, where none was chosen.
for (const field of document.querySelectorAll("input[data-zone]")) {
  if (!field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}
