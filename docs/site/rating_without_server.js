// Takes the place of the server on the example of the rating page: it keeps the answers until the page is closed.
// TASKS and CLASSES are defined above, by live_examples.py.
const skipped = new Set();
const isDone = (task) => skipped.has(task.task) || task.rows.every((row) => row.answer !== null);

const RESPONSES = {
  next({ held }) {
    const task = TASKS.find((task) => !isDone(task) && !held.includes(task.task));
    return task ? { task } : { task: null, reason: "finished" };
  },
  back: ({ held }) => ({ task: TASKS.findLast((task) => isDone(task) && !held.includes(task.task)) ?? null }),
  answers({ answers }) {
    const rows = new Map(TASKS.flatMap((task) => task.rows).map((row) => [row.question, row]));
    for (const { question, answer, revision } of answers) {
      Object.assign(rows.get(question), { answer, revision: revision + 1 });
    }
    return { saved: answers.map(({ question, revision }) => [question, revision]), truths: {} };
  },
  skip: ({ task }) => {
    skipped.add(task);
  },
  suggest() {},
  progress() {
    const done = TASKS.filter(isDone).length;
    const answers = TASKS.flatMap((task) => task.rows).filter((row) => row.answer !== null).length;
    return { done, left: TASKS.length - done, pace: null, answers, seconds: null, agreed: 0, practised: 0 };
  },
  classes: () => CLASSES,
};

window.fetch = async (route, { body = "{}" } = {}) => {
  const content = RESPONSES[route]?.(JSON.parse(body));
  return content ? Response.json(content) : new Response(null, { status: 204 });
};

localStorage.removeItem("reassess image 0"); // the page starts anew
addEventListener("DOMContentLoaded", () => (document.querySelector("#sign-out").hidden = true));
