/* What a reader can ask of a pair: who the two are. By pointing at it, or by N and P from the keyboard. */

import { h, setText } from "../dom.ts";
import { PLACES, type PairPlace } from "../pen/gallery.ts";
import type { Seat, Tools } from "../tools.ts";

export function pairsTools(seat: Seat): Tools {
  const tip = h("div", { class: "vg-readout vg-pair", role: "status", hidden: true });
  const name = h("b", {});
  const one = h("div", {});
  const other = h("div", {});
  tip.append(name, one, other);
  seat.body.append(tip);
  let chosen: { list: string; index: number } | null = null;

  const places = (): PairPlace[] => Object.values((seat.local.get(PLACES) ?? {}) as Record<string, PairPlace[]>).flat();
  const width = (place: PairPlace): number => 2 * place.tile + 2;

  const show = (place: PairPlace | undefined): void => {
    tip.hidden = place === undefined || seat.plot.hidden;
    if (place === undefined) return;
    setText(name, `cosine ${place.said}`);
    setText(one, place.words[0]);
    setText(other, place.words[1]);
    const room = seat.plot.clientWidth;
    tip.style.left = `${Math.max(0, Math.min(room - tip.offsetWidth, place.left))}px`;
    const under = place.top + place.tile + 20;
    const fits = under + tip.offsetHeight <= seat.plot.clientHeight;
    tip.style.top = `${fits ? under : place.top - tip.offsetHeight - 2}px`;
  };

  const found = (event: PointerEvent): PairPlace | undefined => {
    const box = seat.plot.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    return places().find(
      (p) => x >= p.left && x <= p.left + width(p) && y >= p.top && y <= p.top + p.tile + 18,
    );
  };

  const move = (event: PointerEvent): void => {
    chosen = null;
    show(found(event));
  };
  const away = (): void => {
    if (chosen === null) show(undefined);
  };
  seat.plot.addEventListener("pointermove", move);
  seat.plot.addEventListener("pointerleave", away);

  const at = (): number => places().findIndex((p) => chosen !== null && p.list === chosen.list && p.index === chosen.index);

  return {
    drawn() {
      if (chosen !== null) show(places()[at()]);
      else if (seat.plot.hidden) show(undefined);
    },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return false;
      if (event.key === "Escape" && chosen !== null) {
        chosen = null;
        show(undefined);
        return true;
      }
      const by = event.key === "n" || event.key === "N" ? 1 : event.key === "p" || event.key === "P" ? -1 : 0;
      const all = places();
      if (by === 0 || all.length === 0) return false;
      const now = at();
      const next = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : (now + by + all.length) % all.length]!;
      chosen = { list: next.list, index: next.index };
      show(next);
      return true;
    },
    keys: ["N, P: the next pair, the one before"],
    state() {
      return {
        pairs: places(),
        tip: tip.hidden ? null : [name.textContent, one.textContent, other.textContent],
      };
    },
    dispose() {
      seat.plot.removeEventListener("pointermove", move);
      seat.plot.removeEventListener("pointerleave", away);
      tip.remove();
    },
  };
}
