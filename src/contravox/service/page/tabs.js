/** Tasks, of which one is shown: by its tab, by the arrow keys, or by its name in the address. */

/** ``onChange`` is told the task that is shown, also at first. */
export function setUpTabs(list, onChange) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  function select(chosen) {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
      panelOf(tab).hidden = !selected;
    }
    onChange(panelOf(chosen).id);
  }

  function follow() {
    const wanted = location.hash.slice(1);
    select(tabs.find((tab) => panelOf(tab).id === wanted) ?? tabs[0]);
  }

  function choose(tab) {
    history.replaceState(null, "", `#${panelOf(tab).id}`);
    select(tab);
    tab.focus();
  }

  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const places = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    if (!(event.key in places)) return;
    event.preventDefault();
    choose(tabs[(places[event.key] + tabs.length) % tabs.length]);
  });
  window.addEventListener("hashchange", () => {
    follow();
    list.querySelector('[aria-selected="true"]').focus();
  });
  follow();
}
