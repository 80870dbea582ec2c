// The drawings: one for each domain, one for each state. They say nothing that does not also stand in words.

import activity from "lucide-static/icons/activity.svg?raw";
import again from "lucide-static/icons/rotate-ccw.svg?raw";
import banknote from "lucide-static/icons/banknote.svg?raw";
import bell from "lucide-static/icons/bell.svg?raw";
import briefcase from "lucide-static/icons/briefcase-business.svg?raw";
import building from "lucide-static/icons/building-2.svg?raw";
import bus from "lucide-static/icons/bus.svg?raw";
import camera from "lucide-static/icons/camera.svg?raw";
import chart from "lucide-static/icons/chart-column-increasing.svg?raw";
import circle from "lucide-static/icons/circle.svg?raw";
import circleAlert from "lucide-static/icons/octagon-x.svg?raw";
import circleCheck from "lucide-static/icons/circle-check-big.svg?raw";
import circleDashed from "lucide-static/icons/circle-dashed.svg?raw";
import circleHelp from "lucide-static/icons/circle-question-mark.svg?raw";
import clock from "lucide-static/icons/clock-alert.svg?raw";
import construction from "lucide-static/icons/construction.svg?raw";
import cpu from "lucide-static/icons/cpu.svg?raw";
import down from "lucide-static/icons/trending-down.svg?raw";
import drama from "lucide-static/icons/drama.svg?raw";
import factory from "lucide-static/icons/factory.svg?raw";
import fileText from "lucide-static/icons/file-text.svg?raw";
import flame from "lucide-static/icons/flame.svg?raw";
import flask from "lucide-static/icons/flask-conical.svg?raw";
import graduation from "lucide-static/icons/graduation-cap.svg?raw";
import handHeart from "lucide-static/icons/hand-heart.svg?raw";
import hardHat from "lucide-static/icons/hard-hat.svg?raw";
import heartPulse from "lucide-static/icons/heart-pulse.svg?raw";
import hourglass from "lucide-static/icons/hourglass.svg?raw";
import landmark from "lucide-static/icons/landmark.svg?raw";
import leaf from "lucide-static/icons/leaf.svg?raw";
import loader from "lucide-static/icons/loader.svg?raw";
import lock from "lucide-static/icons/lock-keyhole.svg?raw";
import map from "lucide-static/icons/map.svg?raw";
import megaphone from "lucide-static/icons/megaphone.svg?raw";
import menu from "lucide-static/icons/ellipsis.svg?raw";
import monitor from "lucide-static/icons/monitor.svg?raw";
import palm from "lucide-static/icons/tree-palm.svg?raw";
import book from "lucide-static/icons/book-open.svg?raw";
import pencil from "lucide-static/icons/pencil.svg?raw";
import pin from "lucide-static/icons/map-pin.svg?raw";
import right from "lucide-static/icons/arrow-right.svg?raw";
import scale from "lucide-static/icons/scale.svg?raw";
import shield from "lucide-static/icons/shield.svg?raw";
import sprout from "lucide-static/icons/sprout.svg?raw";
import star from "lucide-static/icons/star.svg?raw";
import store from "lucide-static/icons/store.svg?raw";
import target from "lucide-static/icons/calendar-check.svg?raw";
import trash from "lucide-static/icons/trash-2.svg?raw";
import trees from "lucide-static/icons/trees.svg?raw";
import triangle from "lucide-static/icons/triangle-alert.svg?raw";
import up from "lucide-static/icons/trending-up.svg?raw";
import users from "lucide-static/icons/users.svg?raw";

const DRAWINGS = {
  activity, again, bell, book, camera, circle, down, flat: right, megaphone, menu, monitor, pencil, pin, right, star, synthetic: flask, trash, up,
  "age.due": clock, "age.late": hourglass,
  "state.on_track": circleCheck, "state.at_risk": triangle, "state.off_track": circleAlert,
  "outcome.done": circleCheck, "outcome.expected": target, "outcome.ongoing": loader, "outcome.not_started": circleDashed,
  "outcome.missed": circleAlert, "outcome.unmeasured": circleHelp,
  "domain.admin": fileText, "domain.agri": sprout, "domain.budget": banknote, "domain.construction": construction,
  "domain.culture": drama, "domain.digital": cpu, "domain.disaster": flame, "domain.econ": chart,
  "domain.education": graduation, "domain.enterprise": building, "domain.environment": leaf, "domain.forest": trees,
  "domain.health": heartPulse, "domain.industry": factory, "domain.infosec": lock, "domain.invest": briefcase,
  "domain.justice": scale, "domain.labour": hardHat, "domain.land": map, "domain.population": users,
  "domain.report": megaphone, "domain.security": shield, "domain.social": handHeart, "domain.tourism": palm,
  "domain.trade": store, "domain.traffic": bus, "domain.tthc": landmark,
} satisfies Record<string, string>;

export type Drawing = keyof typeof DRAWINGS;

const parsed = new Map<string, SVGElement>();

/** A copy of a drawing, as large as the letters around it. A domain that has none gets a circle. */
export function icon(name: Drawing | `domain.${string}`): SVGElement {
  let drawing = parsed.get(name);
  if (drawing === undefined) {
    const text = DRAWINGS[name in DRAWINGS ? (name as Drawing) : "circle"];
    drawing = new DOMParser().parseFromString(text, "text/html").querySelector("svg")!;
    drawing.setAttribute("class", "icon");
    drawing.setAttribute("aria-hidden", "true");
    parsed.set(name, drawing);
  }
  return drawing.cloneNode(true) as SVGElement;
}
