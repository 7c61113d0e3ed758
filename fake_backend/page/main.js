// The page as a whole: what comes from the backend goes to the parts that show it.

import { Activity } from "./activity.js";
import { Details } from "./details.js";
import { byId, middleCut, write } from "./dom.js";
import { Faults } from "./faults.js";
import { Runs } from "./runs.js";
import { ask, AnswerError, Stream } from "./stream.js";
import { Timeline } from "./timeline.js";

const details = new Details({
  closed() {
    timeline.mark(null);
    activity.mark(null);
  },
});
const faults = new Faults();
const timeline = new Timeline({ choose: (row) => details.showRow(row), drawn: () => details.refresh() });
const activity = new Activity((event) => details.showEvent(event));
const runs = new Runs(selectRun);
const tabs = [byId("tab-requests"), byId("tab-activity")];

function selectRun(runId) {
  details.leave();
  timeline.show(runId);
  activity.update(runId, runs.accepted);
  faults.offerRun(runId);
  write(byId("of-run"), runId === null ? "of all runs" : `of run ${middleCut(runId, 60)}`);
}

function showTab(chosen) {
  details.leave();
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", String(tab === chosen));
    tab.tabIndex = tab === chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
  }
  activity.show(chosen === byId("tab-activity"));
}

for (const tab of tabs) {
  tab.addEventListener("click", () => showTab(tab));
  tab.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = tabs.find((each) => each !== tab);
    showTab(other);
    other.focus();
  });
}

// In one column what happens comes first, for the Tab key too, which a style sheet's order would not lead. What is
// watched stays where it is in the document: what is taken out of it loses where it was scrolled to.
const oneColumn = matchMedia("not (min-width: 62rem)");

function arrange() {
  const main = document.querySelector("main");
  const watch = main.querySelector(".watch");
  const others = [...main.children].filter((section) => section !== watch);
  if (oneColumn.matches) watch.after(...others);
  else watch.before(...others);
}

oneColumn.addEventListener("change", arrange);
arrange();

function tellState(state, words) {
  byId("state").className = state;
  write(byId("connection"), words);
}

async function introduce() {
  try {
    const [{ version, uptime }] = await Promise.all([ask("GET", "/_fake/health"), faults.loadKinds()]);
    write(byId("version"), version);
    faults.setUptime(uptime);
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error; // it is gone again, and is asked again when it is back
  }
}

new Stream({
  up() {
    tellState("good", "connected");
    faults.isUp();
    introduce();
    timeline.resume();
  },
  down: () => tellState("bad", "backend is down, reconnecting"),
  record: (id, record) => timeline.note(id, record),
  runs(changed, areAll) {
    runs.update(changed, areAll);
    activity.update(runs.selected, runs.accepted);
  },
  faults: (active) => faults.update(active),
  gap: (gap) => timeline.missed(gap),
  skipped: (gap) => timeline.skipped(gap),
  reset() {
    runs.select(null);
    runs.clear();
    timeline.clear();
    activity.clear();
  },
});
