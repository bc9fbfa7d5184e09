// Views as tabs, light and dark, and links from the tables into the viewer.
const tabs = [...document.querySelectorAll("[role=tab]")];

function choose(tab, focus = false) {
  for (const one of tabs) {
    one.setAttribute("aria-selected", one === tab);
    one.tabIndex = one === tab ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = one !== tab;
  }
  if (focus) tab.focus();
}

function onTabKey(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const edge = { Home: 0, End: tabs.length - 1 }[event.key];
  if (step === undefined && edge === undefined) return;
  event.preventDefault();
  choose(tabs[edge ?? (tabs.indexOf(event.currentTarget) + step + tabs.length) % tabs.length], true);
}

function startTabs() {
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", onTabKey);
  }
}

function startLinks() {
  const byName = new Map(data.shots.map((shot) => [shot.name, shot]));
  document.querySelectorAll("[data-shot]").forEach((link) => {
    link.addEventListener("click", () => {
      const list = [...link.closest("table, ul").querySelectorAll("[data-shot]")].map((one) => byName.get(one.dataset.shot));
      const unique = [...new Set(list)];
      showShot(unique, unique.indexOf(byName.get(link.dataset.shot)), link.closest("#view-conflicts") !== null);
    });
  });
}

function startTheme() {
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const tell = () => $("theme").setAttribute("aria-label", dark() ? "Light colors" : "Dark colors");
  $("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    tell();
  });
  tell();
}

startTabs();
startTheme();
startViewer();
startGallery();
startLinks();
