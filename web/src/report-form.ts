// Writing a report. What is written is kept as it is written (outbox.ts): a phone that takes a photo often forgets the page.

import type { ReportIn, SimilarItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { say } from "./language.ts";
import { dropPhoto, dropReport, keepPhoto, keepReport, waitingPhotos, type Waiting, type WaitingPhoto } from "./outbox.ts";
import { PlaceMap, type Point } from "./places.ts";
import { prepared } from "./sender.ts";
import { similarCard } from "./report-cards.ts";
import { area, categories, follow, read } from "./visitor.ts";

const MOST_PHOTOS = 5;
const REST = 400; // milliseconds after a letter until it is kept
const WISHES = ["public", "withheld", "private"] as const;

/** The form with what is written already. `sent`: it waits to be sent. `left`: it was given up for another report, or for none. */
export async function showForm(view: HTMLElement, draft: Waiting, sent: (id: string) => void, left: (followed: string | null) => void): Promise<void> {
  const { id, body } = draft;
  let point: Point | null = body.point ?? null;
  let about = body.category ?? ""; // stands before there are choices to show
  let photos = await waitingPhotos(id);

  const category = element("select", { id: "what", required: true }, element("option", { value: "" }, say("reports.choose")));
  const words = element("textarea", { id: "words", rows: 4, required: true, maxlength: 5000 }, body.description ?? "");
  const address = element("input", { id: "address", maxlength: 500, autocomplete: "street-address", value: body.address });
  const phone = element("input", { id: "phone", type: "tel", autocomplete: "tel", maxlength: 30, value: body.contact?.phone });
  const files = element("input", { id: "photos", type: "file", accept: "image/*", multiple: true });
  const chosen = element("ul.chosen-photos", {});
  const alike = element("section.similar", { hidden: true, "aria-live": "polite" });
  const here = element("button.other", { type: "button" }, icon("pin"), say("reports.here"));
  const placed = element("p.said", { role: "status" });
  const said = element("p.said", { role: "alert" });
  const submit = element("button.main", { type: "submit" }, icon("megaphone"), say("reports.send"));
  const giveUp = element("button.other", { type: "button" }, icon("trash"), say("reports.draft.discard"));
  const kept = element("p.note", { role: "status" });
  const field = (name: string, word: Parameters<typeof say>[0], control: HTMLElement, note?: string): HTMLElement => {
    if (note) control.setAttribute("aria-describedby", `${name}-note`);
    return element("div", {}, element("label", { for: name }, say(word)), control, note ? element("p.note", { id: `${name}-note` }, note) : null);
  };
  const map = new PlaceMap({ pick: (picked) => place(picked) });
  const form = element(
    "form", { novalidate: true },
    field("what", "reports.category", category),
    field("words", "reports.words", words),
    element(
      "fieldset", {}, element("legend", {}, say("reports.place")),
      element("p.note", {}, say("reports.tap")), element("p.where", {}, here), map.element, placed,
      field("address", "reports.address", address),
    ),
    alike,
    element(
      "div", {}, files, element("label.other", { for: "photos" }, icon("camera"), say("reports.photos")), chosen,
      element("p.note", {}, say("reports.photos.note", { n: MOST_PHOTOS })),
    ),
    element("fieldset", {}, element("legend", {}, say("reports.wish")), ...WISHES.map((wish) => element(
      "label.choice", {}, element("input", { type: "radio", name: "wish", value: wish, checked: wish === (body.visibility ?? "public") }), say(`reports.wish.${wish}`),
    ))),
    field("phone", "reports.phone", phone, say("reports.phone.note")),
    element("div", {}, said, element("p.deeds", {}, submit, giveUp), kept),
  );
  view.replaceChildren(element("a.other.back", { href: "#" }, say("reports.back")), element("h1", {}, say("reports.send")), form);

  // --- as it is written ---

  function written(): ReportIn {
    const [street, number] = [address.value.trim(), phone.value.trim()];
    return {
      id, category: about, description: words.value.trim(), channel: "web",
      visibility: new FormData(form).get("wish") as (typeof WISHES)[number],
      ...(point !== null && { point }), ...(street !== "" && { address: street }), ...(number !== "" && { contact: { phone: number } }),
    };
  }

  let rest = 0;
  let over = false;
  async function keep(): Promise<void> {
    clearTimeout(rest);
    if (over) return;
    const now = written();
    const empty = !now.category && !now.description && !now.point && !now.address && !now.contact && photos.length === 0;
    giveUp.hidden = empty;
    kept.textContent = empty ? "" : say("reports.draft.kept");
    await (empty ? dropReport(id) : keepReport({ ...draft, body: now }));
  }
  giveUp.hidden = draft.body.category === undefined;
  form.addEventListener("input", () => {
    clearTimeout(rest);
    rest = window.setTimeout(() => void keep(), REST);
  });
  document.addEventListener("visibilitychange", function hurry() {
    if (!form.isConnected) document.removeEventListener("visibilitychange", hurry);
    else if (document.visibilityState === "hidden") void keep();
  });
  giveUp.addEventListener("click", () => {
    if (!confirm(say("reports.draft.sure"))) return;
    over = true;
    void dropReport(id).then(() => left(null));
  });

  // --- where ---

  function place(picked: Point): void {
    point = { latitude: Number(picked.latitude.toFixed(6)), longitude: Number(picked.longitude.toFixed(6)) };
    placed.dataset["state"] = "on_track";
    placed.textContent = say("reports.placed", { where: `${point.latitude.toFixed(5)}, ${point.longitude.toFixed(5)}` });
    void keep();
    void lookForSimilar();
  }

  here.addEventListener("click", () => {
    placed.removeAttribute("data-state");
    placed.textContent = say("reports.looking");
    const failed = (): void => {
      placed.dataset["state"] = "at_risk";
      placed.textContent = say("reports.nowhere");
    };
    if (!("geolocation" in navigator)) return failed();
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      place(coords);
      map.choose(point!);
    }, failed, { enableHighAccuracy: true, timeout: 15_000, maximumAge: 60_000 });
  });

  // --- what others have sent ---

  category.addEventListener("change", () => {
    about = category.value;
    void lookForSimilar();
  });

  async function lookForSimilar(): Promise<void> {
    const asked = `${about} ${point?.latitude} ${point?.longitude}`;
    alike.dataset["asked"] = asked;
    const query = new URLSearchParams({ lat: String(point?.latitude), lon: String(point?.longitude), category: about, limit: "5" });
    const found = point === null || about === "" ? [] : await read<{ items: SimilarItem[] }>(`/similar?${query}`).then(({ items }) => items, () => []);
    if (alike.dataset["asked"] !== asked) return; // the place is another by now
    const others = found.filter((one) => !("channel" in one && one.channel)); // one's own is no other
    alike.hidden = others.length === 0;
    alike.replaceChildren(
      element("h2", {}, say("reports.similar")), element("p.note", {}, say("reports.similar.note")),
      element("ul.cards", {}, ...others.map((one) => similarCard(one, async () => {
        await follow({ id: one.id, category_name: one.category_name }, true);
        over = true;
        await dropReport(id);
        left("description" in one ? one.id : null);
      }))),
    );
  }

  // --- photos ---

  let adding: Promise<void> = Promise.resolve(); // a large photo takes its time
  files.addEventListener("change", () => {
    const added = [...(files.files ?? [])];
    adding = adding.then(() => addPhotos(added));
  });

  async function addPhotos(added: File[]): Promise<void> {
    for (const file of added.slice(0, MOST_PHOTOS - photos.length)) {
      const n = [1, 2, 3, 4, 5].find((free) => photos.every((one) => one.n !== free))!;
      const content = await prepared(file).catch(() => null);
      if (content === null) {
        complain(say("reports.photo.unread", { name: file.name }));
        continue;
      }
      const photo: WaitingPhoto = { report: id, n, name: file.name, file: content };
      await keepPhoto(photo);
      photos = [...photos, photo];
      drawPhotos();
    }
    files.value = "";
    await keep();
  }

  function drawPhotos(): void {
    chosen.replaceChildren(...photos.map((photo) => {
      const address = URL.createObjectURL(photo.file);
      const picture = element("img", { src: address, alt: "" });
      picture.addEventListener("load", () => URL.revokeObjectURL(address));
      picture.addEventListener("error", () => picture.replaceWith(icon("camera"))); // HEIC, where the browser cannot show it
      const remove = element("button.other", { type: "button", "aria-label": say("reports.photo.remove", { name: photo.name }) }, icon("trash"));
      remove.addEventListener("click", () => {
        photos = photos.filter((one) => one !== photo);
        drawPhotos();
        files.focus();
        void dropPhoto(id, photo.n).then(keep);
      });
      return element("li", {}, picture, element("span", {}, photo.name), remove);
    }));
    files.disabled = photos.length >= MOST_PHOTOS;
  }

  // --- sending ---

  const complain = (text: string, control?: HTMLElement): void => {
    said.dataset["state"] = "off_track";
    said.textContent = text;
    control?.setAttribute("aria-invalid", "true");
    control?.addEventListener("input", () => control.removeAttribute("aria-invalid"), { once: true });
    control?.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (about === "") return complain(say("reports.needs.category"), category);
    if (words.value.trim() === "") return complain(say("reports.needs.words"), words);
    if (point === null && address.value.trim() === "") return complain(say("reports.needs.place"), here);
    submit.disabled = true;
    void adding.then(async () => {
      over = true;
      clearTimeout(rest);
      await keepReport({ id, at: draft.at, step: "report", body: written() });
      sent(id);
    });
  });

  drawPhotos();
  if (draft.refused !== undefined) complain(draft.refused);
  const [{ places }, known] = await Promise.all([area(), categories()]);
  category.append(...known.map(({ code, name }) => element("option", { value: code, selected: code === about }, name)));
  map.show(places, []);
  if (point !== null) {
    map.choose(point);
    place(point);
  }
}
