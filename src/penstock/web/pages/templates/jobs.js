"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const KEY = "penstock-key";
  const OWN = "penstock-own-jobs";
  const OVER = new Set(["SUCCEEDED", "SUCCEEDED_WITH_REJECTS", "FAILED", "CANCELLED", "EXPIRED"]);
  const READY = new Set(["SUCCEEDED", "SUCCEEDED_WITH_REJECTS"]);
  const jobs = new Map();
  const rows = new Map();
  let types = [];
  let key = sessionStorage.getItem(KEY) || "";
  let socket = null;
  let waited = 0;
  let session = 0;

  const made = (tag, text, className) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };

  const fault = (text) => {
    byId("fault").textContent = text;
    byId("fault").hidden = !text;
  };

  const call = async (method, path, body, headers = {}) => {
    const options = { method, headers: { ...headers }, cache: "no-store", credentials: "omit" };
    if (key) options.headers["X-Api-Key"] = key;
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    const answer = await fetch(path, options);
    const text = await answer.text();
    const document_ = text ? JSON.parse(text) : null;
    if (!answer.ok) throw new Error(document_ ? document_.detail : `${answer.status}`);
    return document_;
  };

  const guarded = (work) => async (...given) => {
    try {
      fault("");
      await work(...given);
    } catch (error) {
      fault(error.message);
    }
  };

  // The form of a type, from the schema of its parameters.

  const resolved = (schema, whole) => {
    if (schema.$ref) return resolved(whole.$defs[schema.$ref.split("/").pop()], whole);
    const some = (schema.anyOf || schema.allOf || []).filter((each) => each.type !== "null");
    return some.length ? { ...resolved(some[0], whole), title: schema.title, description: schema.description } : schema;
  };

  const fieldOf = (name, schema) => {
    let field;
    if (schema.enum || schema.const !== undefined || schema.type === "boolean") {
      field = made("select");
      const choices = schema.enum || (schema.type === "boolean" ? ["true", "false"] : [schema.const]);
      for (const choice of ["", ...choices]) field.append(made("option", choice));
    } else {
      field = made("input");
      if (schema.type === "integer" || schema.type === "number") {
        field.type = "number";
        field.step = schema.type === "integer" ? "1" : "any";
      } else if (schema.format === "date") {
        field.type = "date";
      } else {
        field.type = "text";
        if (schema.type === "array") field.placeholder = "one, two, three";
      }
    }
    field.id = `param-${name}`;
    field.dataset.name = name;
    field.dataset.kind = schema.type || "string";
    field.dataset.item = (schema.items && schema.items.type) || "string";
    return field;
  };

  const showType = () => {
    const type = types.find((each) => each.type === byId("type").value);
    byId("params").replaceChildren();
    byId("start").disabled = !type;
    if (!type) return;
    const needed = new Set(type.params.required || []);
    for (const [name, own] of Object.entries(type.params.properties || {})) {
      const schema = resolved(own, type.params);
      const label = made("label", name.replaceAll("_", " "));
      const field = fieldOf(name, schema);
      label.htmlFor = field.id;
      if (schema.description) field.title = schema.description;
      field.required = needed.has(name);
      byId("params").append(label, field);
    }
  };

  const valueOf = (field) => {
    const number = (text) => (Number.isFinite(Number(text)) ? Number(text) : text);
    const text = field.value.trim();
    switch (field.dataset.kind) {
      case "boolean": return text === "true";
      case "integer":
      case "number": return number(text);
      case "array": {
        const items = text.split(",").map((item) => item.trim()).filter((item) => item);
        return field.dataset.item === "integer" || field.dataset.item === "number" ? items.map(number) : items;
      }
      default: return field.value;
    }
  };

  const loadTypes = async () => {
    const answer = await call("GET", "/v1/exports/types");
    types = answer.types;
    byId("keyless").hidden = key !== "" || types.length > 0;
    byId("type").replaceChildren(...types.map((type) => {
      const option = made("option", type.title);
      option.value = type.type;
      return option;
    }));
    const legend = byId("formats").firstElementChild;
    byId("formats").replaceChildren(legend, ...answer.formats.map((format) => {
      const label = made("label", ` ${format}`);
      const box = made("input");
      box.type = "checkbox";
      box.value = format;
      label.prepend(box);
      return label;
    }));
    showType();
    prefill();
  };

  // What a problem offered stands behind the # of the address: {"type", "params", "formats"}.
  const prefill = () => {
    if (location.hash.length < 2) return;
    let wanted;
    try {
      wanted = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    if (!types.some((type) => type.type === wanted.type)) return;
    byId("type").value = wanted.type;
    showType();
    for (const [name, value] of Object.entries(wanted.params || {})) {
      const field = byId(`param-${name}`);
      if (field) field.value = Array.isArray(value) ? value.join(", ") : String(value);
    }
    for (const box of byId("formats").querySelectorAll("input")) {
      box.checked = (wanted.formats || []).includes(box.value);
    }
  };

  const start = guarded(async () => {
    const params = {};
    for (const field of byId("params").querySelectorAll("[data-name]")) {
      if (field.value.trim()) params[field.dataset.name] = valueOf(field);
    }
    const formats = [...byId("formats").querySelectorAll("input:checked")].map((box) => box.value);
    const body = { type: byId("type").value, params, formats };
    const job = await call("POST", "/v1/exports", body, { "Idempotency-Key": crypto.randomUUID() });
    if (!key) {
      const own = JSON.parse(sessionStorage.getItem(OWN) || "[]");
      sessionStorage.setItem(OWN, JSON.stringify([job.id, ...own].slice(0, 20)));
    }
    await refresh(job.id);
  });

  // The list of jobs.

  const count = (number) => number.toLocaleString("en-GB");

  const draw = (job) => {
    let row = rows.get(job.id);
    if (!row) {
      row = made("li");
      row.dataset.id = job.id;
      row.top = made("div", undefined, "job-top");
      row.bar = made("progress");
      row.told = made("div", "", "told");
      row.result = made("div", "", "links");
      row.append(row.top, row.bar, row.told, row.result);
      rows.set(job.id, row);
      const after = [...rows.keys()].filter((id) => id < job.id).sort().pop();
      byId("jobs").insertBefore(row, after ? rows.get(after) : null);
    }
    const { done, total, high_water: high, phase } = job.progress;
    const actions = made("span", undefined, "actions");
    const button = (text, work) => {
      const element = made("button", text);
      element.type = "button";
      element.addEventListener("click", guarded(work));
      actions.append(element, " ");
    };
    if (READY.has(job.state)) button("Links", () => showResult(job, row));
    if (!OVER.has(job.state)) button("Cancel", async () => take(await call("POST", `/v1/jobs/${job.id}/cancel`)));
    else button("Delete", async () => {
      await call("DELETE", `/v1/jobs/${job.id}`);
      drop(job.id);
    });
    const when = made("time", new Date(job.created).toLocaleString("en-GB"), "soft");
    when.dateTime = job.created;
    const state = made("span", job.stalled ? `${job.state}, stalled` : job.state, "tag");
    row.dataset.state = job.state;
    row.top.replaceChildren(made("strong", job.type), state, when, actions);
    row.bar.hidden = OVER.has(job.state);
    if (total) {
      row.bar.max = total;
      row.bar.value = Math.min(high, total);
    } else {
      row.bar.removeAttribute("value");
    }
    row.bar.setAttribute("aria-label", `Progress of ${job.type}`);
    const rowsTold = total ? `${count(high)} of ${count(total)} rows` : high ? `${count(high)} rows` : "";
    const why = job.error ? job.error.message : "";
    row.told.textContent = [rowsTold, OVER.has(job.state) ? "" : phase, why].filter((part) => part).join(" · ");
    if (!READY.has(job.state)) row.result.replaceChildren();
    byId("none").hidden = rows.size > 0;
  };

  const showResult = async (job, row) => {
    const result = await call("GET", `/v1/jobs/${job.id}/result`);
    const link = (text, url) => {
      const element = made("a", text);
      element.href = url;
      element.download = "";
      return element;
    };
    const files = Object.entries(result.files).map(([name, file]) => link(`${name} file`, file.url));
    const slices = Object.entries(result.downloads).map(([name, url]) => link(name, url));
    row.result.replaceChildren(...files, ...slices, made("span", " open for 15 minutes", "soft"));
  };

  const take = (job) => {
    const known = jobs.get(job.id);
    if (known && known.progress.seq > job.progress.seq) return;
    jobs.set(job.id, job);
    draw(job);
  };

  const drop = (id) => {
    jobs.delete(id);
    if (rows.has(id)) rows.get(id).remove();
    rows.delete(id);
    byId("none").hidden = rows.size > 0;
  };

  const hear = (event) => {
    const job = jobs.get(event.job_id);
    if (!job) {
      refresh(event.job_id).catch(() => {});
      return;
    }
    if (event.seq <= job.progress.seq) return;
    const { seq, done, total, high_water, rejected, bytes, phase } = event;
    const stalled = event.event === "job.stalled";
    take({ ...job, state: event.state, stalled, error: event.error,
           progress: { seq, done, total, high_water, rejected, bytes, phase } });
  };

  const refresh = async (id) => take(await call("GET", `/v1/jobs/${id}`));

  const loadJobs = async () => {
    const answer = await call("GET", "/v1/jobs?limit=50");
    const held = new Set(answer.jobs.map((job) => job.id));
    for (const id of [...jobs.keys()]) if (!held.has(id)) drop(id);
    answer.jobs.forEach(take);
  };

  // The socket: what is missed while none is open is in the list that is read when one opens.

  const listen = async (mine) => {
    if (mine !== session || !key) return;
    try {
      const { ticket, url } = await call("POST", "/v1/events/tickets", {});
      if (mine !== session) return;
      const place = new URL(url, location.href);
      place.protocol = place.protocol.replace("http", "ws");
      place.searchParams.set("ticket", ticket);
      const opened = (socket = new WebSocket(place));
      opened.onopen = () => {
        waited = 0;
        byId("live").textContent = "live";
        loadJobs().catch((error) => fault(error.message));
      };
      opened.onmessage = (message) => hear(JSON.parse(message.data));
      opened.onclose = () => again(mine);
    } catch {
      again(mine);
    }
  };

  const again = (mine) => {
    if (mine !== session) return;
    byId("live").textContent = "";
    waited = Math.min(waited ? waited * 2 : 500, 30000);
    setTimeout(() => listen(mine), waited * (0.5 + Math.random() / 2));
  };

  // A visitor without a key has no list: the jobs that this tab began are asked for one by one.
  const poll = async (mine) => {
    if (mine !== session || key) return;
    for (const id of JSON.parse(sessionStorage.getItem(OWN) || "[]")) {
      const job = jobs.get(id);
      if (job && OVER.has(job.state)) continue;
      try {
        await refresh(id);
      } catch {
        drop(id);
      }
    }
    setTimeout(() => poll(mine), 1000);
  };

  const begin = guarded(async () => {
    session += 1;
    if (socket) socket.close();
    socket = null;
    for (const id of [...rows.keys()]) drop(id);
    byId("live").textContent = "";
    byId("who").textContent = key ? "A key is in use, in this tab alone." : "Without a key.";
    byId("forget").hidden = !key;
    types = [];
    byId("type").replaceChildren();
    showType();
    await loadTypes();
    if (key) {
      await loadJobs();
      listen(session);
    } else {
      poll(session);
    }
  });

  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key = byId("key").value.trim();
    byId("key").value = "";
    if (key) sessionStorage.setItem(KEY, key);
    begin();
  });
  byId("forget").addEventListener("click", () => {
    sessionStorage.removeItem(KEY);
    key = "";
    begin();
  });
  byId("export-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  byId("type").addEventListener("change", showType);
  begin();
})();
