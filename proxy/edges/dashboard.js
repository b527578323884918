"use strict";
// Everything from the program is set as text, never as markup.

const SECONDS_BETWEEN_LOOKS = 5;

function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function limitLeft(limit) {
  const renewed = limit.resets_in_seconds;
  const left = `${limit.remaining ?? "?"} of ${limit.limit ?? "?"} left`;
  return renewed ? `${left}, new in ${Math.ceil(renewed)} s` : left;
}

function row(upstream) {
  const left = upstream.cooldown && upstream.cooldown.seconds_left;
  const breaker = upstream.breaker || {};
  const cells = [
    upstream.name,
    upstream.mode || "",
    (breaker.state || "") + (breaker.by_hand ? " (by hand)" : ""),
    left ? `${Math.ceil(left)} s` : "",
    upstream.limits.map(limitLeft).join(", "),
    upstream.counts.in_flight,
    upstream.counts.queued,
  ];
  const made = document.createElement("tr");
  made.append(...cells.map((cell) => element("td", String(cell))));
  return made;
}

function webhookRow(webhook) {
  const { pending, waiting, delivered, dead } = webhook.events;
  const since = webhook.oldest_undelivered;
  const age = since ? `${Math.max(0, Math.round(Date.now() / 1000 - since))} s` : "";
  const made = document.createElement("tr");
  const cells = [webhook.name, pending, waiting, delivered, dead, age, webhook.refused];
  made.append(...cells.map((cell) => element("td", String(cell))));
  return made;
}

function spareLines(webhook) {
  const tell = (name) =>
    `Webhook ${webhook.name}: nothing was signed with ${name} for a day, and a newer secret is in use. ` +
    `It can go from verify.secrets.`;
  return webhook.spare_secrets.map((name) => element("li", tell(name)));
}

async function lookAtWebhooks() {
  const answer = await fetch("/api/webhooks");
  const { webhooks } = answer.ok ? await answer.json() : { webhooks: [] };
  document.getElementById("webhooks").replaceChildren(...webhooks.map(webhookRow));
  document.getElementById("spare").replaceChildren(...webhooks.flatMap(spareLines));
}

async function look() {
  const state = document.getElementById("state");
  try {
    const answer = await fetch("/api/upstreams");
    if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
    const { upstreams, unsafe } = await answer.json();
    document.getElementById("upstreams").replaceChildren(...upstreams.map(row));
    document.getElementById("unsafe").replaceChildren(...unsafe.map((line) => element("li", line)));
    await lookAtWebhooks();
    state.textContent = `${upstreams.length} upstreams, as of ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    state.textContent = `Outrigger cannot be asked: ${error.message}`;
  }
}

look();
setInterval(look, SECONDS_BETWEEN_LOOKS * 1000);
