"""The plays of the product's own rehearsal, and what is played for any other task.

What each costs with the model claude-sonnet-5-5 ($2 input, $10 output, $0.10 cache read and
$2.50 cache write per million tokens):

| task text contains                      |  calls |  input |   read |  write | output | dollars |
|-----------------------------------------|--------|--------|--------|--------|--------|---------|
| Create React app boilerplate            |      3 |    970 | 39,000 | 21,000 |  2,990 | 0.08824 |
| Add user authentication to dashboard    |      4 |  1,340 | 65,200 | 24,700 |  3,370 | 0.10465 |
| Implement data visualization charts     |      4 |  1,380 | 68,300 | 25,500 |  2,960 | 0.10294 |
| Write a landing page with a signup form |      3 |    900 | 37,800 | 19,800 |  1,770 | 0.07278 |
| Refactor the whole codebase             | no end |        |        |        |        |       ∞ |
| Upgrade the database driver             |      2 |    760 | 18,500 | 19,400 |    530 | 0.05717 |
| (anything else)                         |      2 |    600 | 18,400 | 18,000 |    380 | 0.05184 |

The endless one spends $0.12 a call (on any model) until its money ends; the failing one is refused
at its third call, for ever. Other models cost what their prices say.
"""

from slugify import slugify

from core.money import Nano
from execution.rehearsal.my_dashboard import AUTHENTICATION, BOILERPLATE, CHARTS
from execution.rehearsal.playbook import Answer, Play, Refusal, Tokens, bash, overwrite, write

LANDING_HTML = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Early access</title>
    <link rel="stylesheet" href="style.css" />
  </head>
  <body>
    <h1>Wake up to finished work</h1>
    <form id="signup">
      <input type="email" name="email" aria-label="Your e-mail" required />
      <button>Sign up</button>
    </form>
    <p id="thanks" hidden>Thank you. We will write when it is your turn.</p>
    <script src="signup.js"></script>
  </body>
</html>
"""

LANDING_CSS = """\
body { font: 1.1rem/1.5 system-ui; max-width: 40rem; margin: 20vh auto; padding: 0 1rem; }
input, button { font: inherit; padding: 0.5rem 1rem; }
"""

SIGNUP_JS = """\
document.getElementById('signup').addEventListener('submit', (event) => {
  event.preventDefault()
  event.target.hidden = true
  document.getElementById('thanks').hidden = false
})
"""

LANDING_PAGE = Play(
    name="landing-page",
    phrase="Write a landing page with a signup form",
    steps=(
        Answer(
            "One page, one stylesheet, one script.",
            (
                write("index.html", LANDING_HTML),
                write("style.css", LANDING_CSS),
                write("signup.js", SIGNUP_JS),
            ),
            Tokens(input=430, cache_write=18_000, output=1_500),
        ),
        Answer(
            "I check that what the page refers to is there.",
            (bash("grep -o 'signup.js\\|style.css' index.html | xargs ls -l"),),
            Tokens(input=260, cache_read=18_000, cache_write=1_800, output=110),
        ),
        Answer(
            "The landing page stands: index.html with a sign-up form, style.css, signup.js. "
            "The form thanks but sends nothing yet: it needs an address to send to.",
            spends=Tokens(input=210, cache_read=19_800, output=160),
        ),
    ),
)

#: goes on until its money ends; what it did so far is in the tree
REFACTORING = Play(
    name="endless-refactoring",
    phrase="Refactor the whole codebase",
    steps=(),
    then=Answer(
        "There is more to untangle here.",
        (bash('echo "- one more module untangled" >> REFACTORING.md'),),
        spends=Nano(120_000_000),
    ),
)

#: two calls of real work, then a refusal that no retry mends: charged all the same
DRIVER_UPGRADE = Play(
    name="failing-upgrade",
    phrase="Upgrade the database driver",
    steps=(
        Answer(
            "I look for the driver.",
            (bash("ls"),),
            Tokens(input=440, cache_write=18_500, output=150),
        ),
        Answer(
            "I pin the new version.",
            (write("requirements.txt", "database-driver>=4,<5\n"),),
            Tokens(input=320, cache_read=18_500, cache_write=900, output=380),
        ),
        Refusal(400, "messages: the rehearsed model cannot go on with this conversation"),
    ),
)

REHEARSAL_PLAYS: tuple[Play, ...] = (
    BOILERPLATE,
    AUTHENTICATION,
    CHARTS,
    LANDING_PAGE,
    REFACTORING,
    DRIVER_UPGRADE,
)


def generic_play(text: str) -> Play:
    """Any other task: notes its text down in `notes/<slug>.md` and finishes."""
    path = f"notes/{slugify(text, max_length=40) or 'task'}.md"
    return Play(
        name="generic",
        phrase="",
        steps=(
            Answer(
                "I note the task down.",
                overwrite(path, f"# Task\n\n{text}\n"),
                Tokens(input=400, cache_write=18_000, output=300),
            ),
            Answer(
                f"The rehearsal has no play for this task; its text is in {path}.",
                spends=Tokens(input=200, cache_read=18_400, output=80),
            ),
        ),
    )
