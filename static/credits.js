/*
 * Keep the credit count true everywhere on the page: pill, banner, modal, and in every open tab.
 *
 * window.Credits.update(n)             tell the new count; `credits:changed` is sent to the document when it differs
 * window.Credits.outOfCredits(payload) open the modal; payload is the body of a 402
 * window.Credits.hold() / release()    no modal meanwhile, so that an answer which took the last credit can be read
 */
(() => {
  "use strict";

  const LOW = 5;
  const POLL_MS = 60_000;
  const body = document.body;
  if (!("creditsNow" in body.dataset)) return;

  const format = new Intl.NumberFormat("en");
  const dialog = document.getElementById("out-of-credits");
  const banner = document.querySelector("[data-credit-banner]");
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(`credits-${body.dataset.user}`) : null;
  const simulated = "simulated" in body.dataset;

  let count = Number(body.dataset.creditsNow);
  let changes = 0;
  let held = false;
  let shown = false;

  const noun = (n) => (n === 1 ? "credit" : "credits");
  const stateOf = (n) => (n === 0 ? "out" : n <= LOW ? "low" : "ok");

  function day(iso) {
    return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", timeZone: "UTC" }).format(new Date(iso));
  }

  function draw() {
    body.dataset.creditsState = stateOf(count);
    body.dataset.creditsNow = String(count);
    document.querySelectorAll("[data-credits]").forEach((element) => {
      const text = format.format(count);
      if (element.textContent === text) return;
      element.textContent = text;
      element.classList.remove("changed");
      void element.offsetWidth; // Starts the animation anew.
      element.classList.add("changed");
    });
    document.querySelectorAll("[data-credits-noun]").forEach((element) => {
      element.textContent = noun(count);
    });
    document.querySelectorAll("[data-credits-sentence]").forEach((element) => {
      element.textContent = count === 0 ? "No credits left." : `${format.format(count)} ${noun(count)} left.`;
    });
    banner.hidden = stateOf(count) === "ok";
  }

  const isUnpaid = ({ renewal_due: due, payment_status: status }) => due || ["past_due", "unpaid"].includes(status);

  function drawRenewal(subscription) {
    const when = isUnpaid(subscription) ? "once the renewal is paid" : `on ${day(subscription.current_period_end)}`;
    document.querySelectorAll("[data-credits-renewal]").forEach((element) => {
      element.textContent = `${element.dataset.creditsRenewal || "They"} renew ${when}.`;
    });
  }

  /* Take a count that is known to be true now. Other tabs are told unless they are where it comes from. */
  function update(n, { tell = true } = {}) {
    if (!Number.isInteger(n) || n < 0) return;
    changes += 1;
    const before = count;
    count = n;
    draw();
    if (n > 0) {
      shown = false;
      if (before === 0 && dialog.open) dialog.close();
    }
    if (n !== before) {
      if (tell && channel) channel.postMessage({ credits: n });
      if (stateOf(n) !== "ok") window.Site.announce(`${format.format(n)} ${noun(n)} left.`);
      document.dispatchEvent(new CustomEvent("credits:changed", { detail: { credits: n, before } }));
    }
    gate();
  }

  /* Where credits are needed to go on, the modal comes by itself, once. */
  function gate() {
    if (count === 0 && !held && !shown && "creditsGate" in body.dataset) outOfCredits();
  }

  function outOfCredits(payload = {}) {
    if (Number.isInteger(payload.credits_remaining) && payload.credits_remaining !== count) {
      shown = true; // The modal opens below; `gate` need not.
      update(payload.credits_remaining);
    }
    shown = true;
    const remaining = payload.credits_remaining ?? count;
    document.getElementById("out-title").textContent = remaining ? "Not enough credits" : "You are out of credits";
    dialog.querySelector("[data-out-message]").textContent =
      payload.message || "A message costs a credit and none is left.";
    if (!dialog.open) {
      document.querySelectorAll("dialog[open]").forEach((other) => other.close());
      dialog.showModal();
      document.getElementById("out-title").focus();
    }
    offer();
  }

  /* Fill the modal with the smallest pack and the next plan, at the prices of this moment. */
  async function offer() {
    const place = dialog.querySelector("[data-out-offers]");
    dialog.querySelector("[data-out-error]").hidden = true;
    try {
      const [{ packs }, { subscription, available_tiers: tiers }] = await Promise.all([
        window.Api.get("/api/credits/packs"),
        window.Api.get("/api/subscription"),
      ]);
      drawRenewal(subscription);
      const buttons = [];
      if (packs.length) buttons.push(packButton(packs[0], subscription));
      const next = tiers.find((tier) => tier.monthly_price > subscription.tier.monthly_price);
      if (next && !isUnpaid(subscription)) buttons.push(planButton(next, subscription));
      place.replaceChildren(...buttons);
    } catch {
      place.replaceChildren(); // The link to all plans is still there.
    }
  }

  function packButton(pack, subscription) {
    const price = money(pack.price);
    const size = format.format(pack.credits);
    const debt = Math.min(pack.credits, subscription.pack_owed);
    const added =
      debt === 0
        ? "They are added to what you have and never expire."
        : debt < pack.credits
          ? `${format.format(debt)} of them pay what is owed after a refund. The other ${format.format(pack.credits - debt)} are added to what you have and never expire.`
          : `All ${size} pay what is owed after a refund, and none are added.`;
    return offerButton(`Buy ${size} for ${price}`, debt ? `${format.format(debt)} pay a debt` : "once, never expire", () =>
      window.Buy.pack(pack.credits, {
        title: `Buy ${size} credits for ${price}?`,
        text: `${added}|${simulated ? "Payments are simulated: no money moves." : `The payment page comes next: ${price}, once.`}`,
        button: simulated ? `Buy ${size} for ${price}` : `To the payment page, ${price}`,
      }),
    );
  }

  function planButton(tier, subscription) {
    const first = !simulated && !subscription.paid_by_stripe;
    const bonus = Math.max(0, tier.monthly_credits - subscription.period_granted);
    const more = format.format(bonus);
    const debt = Math.min(bonus, subscription.plan_owed);
    const owed = debt ? `|${format.format(debt)} of the ${more} pay what your plan owes after a refund.` : "";
    const all = format.format(tier.monthly_credits);
    const due = money(first ? tier.monthly_price : tier.monthly_price - subscription.tier.monthly_price);
    const month = money(tier.monthly_price);
    const begins = `A month of ${tier.display_name} begins when you have paid: ${all} credits at once, and as many each month. Credits from packs stay.`;
    const pays = simulated
      ? `Payments are simulated: ${due} now and ${month} a month would be charged, but no money moves.`
      : `The whole difference of ${due} is charged now to the card on file, then ${month} a month.`;
    return offerButton(`Upgrade to ${tier.display_name}, +${first ? all : more}`, `${month} a month`, () =>
      window.Buy.plan(tier.name, {
        title: `Upgrade to ${tier.display_name}?`,
        text: first
          ? `${begins}|The payment page comes next: ${due} there, then ${month} a month.`
          : `You get ${more} more credits at once, and ${all} each month.${owed}|${pays}`,
        button: first ? `To the payment page, ${due}` : `Upgrade for ${due}`,
      }),
    );
  }

  function offerButton(label, aside, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    const words = document.createElement("span");
    words.textContent = label;
    const price = document.createElement("span");
    price.textContent = aside;
    button.append(words, " ", price);
    button.addEventListener("click", async () => {
      dialog.close();
      if (!(await action()) && count === 0) outOfCredits();
    });
    return button;
  }

  function money(dollars) {
    return `$${dollars.toLocaleString("en", { minimumFractionDigits: Number.isInteger(dollars) ? 0 : 2, maximumFractionDigits: 2 })}`;
  }

  /* Ask the server; an answer that was overtaken by a change meanwhile is dropped. */
  async function refresh() {
    const asked = changes;
    try {
      const { subscription } = await window.Api.get("/api/subscription");
      if (asked !== changes) return;
      drawRenewal(subscription);
      update(subscription.credits_remaining, { tell: false });
    } catch {
      // The next look will tell.
    }
  }

  const visible = () => document.visibilityState === "visible";
  document.addEventListener("visibilitychange", () => visible() && refresh());
  window.addEventListener("focus", refresh);
  window.addEventListener("pageshow", (event) => event.persisted && refresh());
  setInterval(() => visible() && refresh(), POLL_MS);
  if (channel) channel.addEventListener("message", (event) => update(event.data.credits, { tell: false }));
  document.addEventListener("DOMContentLoaded", gate);

  window.Credits = {
    update,
    outOfCredits,
    refresh,
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
      gate();
    },
    get count() {
      return count;
    },
  };
})();
