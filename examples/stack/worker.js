// Asks the api every two seconds.
let answers = 0;

async function ask() {
  const answer = await fetch(process.env.API);
  answers += 1;
  console.log(`${answers === 1 ? "first answer" : "answer"}: ${(await answer.text()).trim()}`);
}

setInterval(() => ask().catch((error) => console.error(`no answer: ${error.cause ?? error}`)), 2000);
process.on("SIGTERM", () => {
  console.log(`worker: bye after ${answers} answers`);
  process.exit(0);
});
