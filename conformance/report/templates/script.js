// All of it is there without this script: it only opens what is printed, or linked to.
const closed = [];
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details.rule:not([open])")) {
    each.open = true;
    closed.push(each);
  }
});
addEventListener("afterprint", () => {
  for (const each of closed.splice(0)) each.open = false;
});
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  const around = target && target.closest("details");
  if (around) {
    around.open = true;
    around.scrollIntoView();
  }
}
addEventListener("hashchange", reveal);
reveal();
