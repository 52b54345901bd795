"""Three plays that build on each other: a React application, then sign-in, then charts.

The second and third read and edit what the one before wrote; an edit that finds nothing to edit
fails in the agent program, as it would with a real model.
"""

from execution.rehearsal.playbook import Answer, Play, Tokens, bash, edit, read, write

PACKAGE_JSON = """\
{
  "name": "my-dashboard",
  "private": true,
  "version": "0.1.0",
  "type": "module",
  "scripts": {
    "dev": "vite",
    "build": "vite build",
    "check": "sh scripts/check.sh"
  },
  "dependencies": {
    "react": "^19.2.0",
    "react-dom": "^19.2.0"
  },
  "devDependencies": {
    "@vitejs/plugin-react": "^5.1.0",
    "vite": "^7.2.0"
  }
}
"""

#: needs nothing but a shell, so that a project can `verify` with it anywhere
CHECK_SH = """\
#!/bin/sh
# Every relative import in src/ must point at a file that exists.
cd "$(dirname "$0")/.." || exit 1
status=0
for file in $(find src -name '*.jsx' | sort); do
  for target in $(sed -n "s/.*from '\\(\\.[^']*\\)'.*/\\1/p" "$file"); do
    if [ ! -f "$(dirname "$file")/$target" ]; then
      echo "$file: cannot find $target"
      status=1
    fi
  done
done
[ $status = 0 ] && echo "All imports resolve."
exit $status
"""

INDEX_HTML = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>My dashboard</title>
  </head>
  <body>
    <div id="root"></div>
    <script type="module" src="/src/main.jsx"></script>
  </body>
</html>
"""

MAIN_JSX = """\
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import App from './App.jsx'

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
"""

APP_JSX = """\
import { useState } from 'react'
import Header from './components/Header.jsx'
import Overview from './pages/Overview.jsx'

const PAGES = { Overview }

export default function App() {
  const [page, setPage] = useState('Overview')
  const Page = PAGES[page]
  return (
    <>
      <Header pages={Object.keys(PAGES)} current={page} onSelect={setPage} />
      <main>
        <Page />
      </main>
    </>
  )
}
"""

HEADER_JSX = """\
export default function Header({ pages, current, onSelect }) {
  return (
    <header>
      <h1>My dashboard</h1>
      <nav>
        {pages.map((page) => (
          <button key={page} aria-pressed={page === current} onClick={() => onSelect(page)}>
            {page}
          </button>
        ))}
      </nav>
    </header>
  )
}
"""

OVERVIEW_JSX = """\
export default function Overview() {
  return (
    <section>
      <h2>Overview</h2>
      <p>Nothing to show yet.</p>
    </section>
  )
}
"""

README_MD = """\
# My dashboard

`npm install`, then `npm run dev`. `npm run check` needs nothing installed.
"""

SESSION_JS = """\
const KEY = 'my-dashboard.user'

export function loadUser() {
  return JSON.parse(sessionStorage.getItem(KEY))
}

export function saveUser(user) {
  sessionStorage.setItem(KEY, JSON.stringify(user))
}

export function forgetUser() {
  sessionStorage.removeItem(KEY)
}
"""

AUTH_PROVIDER_JSX = """\
import { createContext, useContext, useState } from 'react'
import LoginForm from './LoginForm.jsx'
import { forgetUser, loadUser, saveUser } from './session.js'

const UserContext = createContext(null)

export function useUser() {
  return useContext(UserContext)
}

export function AuthProvider({ children }) {
  const [user, setUser] = useState(loadUser)
  const signIn = (name) => {
    saveUser({ name })
    setUser({ name })
  }
  const signOut = () => {
    forgetUser()
    setUser(null)
  }
  return <UserContext value={{ user, signIn, signOut }}>{children}</UserContext>
}

export function RequireUser({ children }) {
  const { user, signIn } = useUser()
  return user ? children : <LoginForm onSignIn={signIn} />
}
"""

LOGIN_FORM_JSX = """\
export default function LoginForm({ onSignIn }) {
  const submit = (event) => {
    event.preventDefault()
    onSignIn(new FormData(event.target).get('name'))
  }
  return (
    <form onSubmit={submit}>
      <label>
        Name <input name="name" autoComplete="username" required />
      </label>
      <button>Sign in</button>
    </form>
  )
}
"""

SCALE_JS = """\
export function scale(values, size) {
  const low = Math.min(...values)
  const span = Math.max(...values) - low || 1
  return values.map((value) => size - ((value - low) / span) * size)
}
"""

LINE_CHART_JSX = """\
import { scale } from './scale.js'

export default function LineChart({ title, values, width = 480, height = 160 }) {
  const step = width / Math.max(values.length - 1, 1)
  const points = scale(values, height).map((y, n) => `${n * step},${y}`)
  return (
    <figure>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
        <polyline points={points.join(' ')} fill="none" stroke="currentColor" />
      </svg>
      <figcaption>{title}</figcaption>
    </figure>
  )
}
"""

CHARTS_JSX = """\
import { useUser } from '../auth/AuthProvider.jsx'
import LineChart from '../charts/LineChart.jsx'

const VISITS = [120, 132, 101, 134, 190, 230, 210]

export default function Charts() {
  const { user } = useUser()
  return (
    <section>
      <h2>Charts for {user.name}</h2>
      <LineChart title="Visits this week" values={VISITS} />
    </section>
  )
}
"""

BOILERPLATE = Play(
    name="react-boilerplate",
    phrase="Create React app boilerplate",
    steps=(
        Answer(
            "I set up a small Vite and React project.",
            (
                write("package.json", PACKAGE_JSON),
                write("index.html", INDEX_HTML),
                write("src/main.jsx", MAIN_JSX),
                write("src/App.jsx", APP_JSX),
                write("src/components/Header.jsx", HEADER_JSX),
                write("src/pages/Overview.jsx", OVERVIEW_JSX),
                write("scripts/check.sh", CHECK_SH),
                write("README.md", README_MD),
            ),
            Tokens(input=420, cache_write=18_000, output=2_600),
        ),
        Answer(
            "Now I check that the imports resolve.",
            (bash("sh scripts/check.sh && find . -name node_modules -prune -o -type f -print"),),
            Tokens(input=310, cache_read=18_000, cache_write=3_000, output=180),
        ),
        Answer(
            "The React boilerplate stands: Vite entry, App with a page switch, Header and an "
            "Overview page. `npm run check` verifies that every import resolves.",
            spends=Tokens(input=240, cache_read=21_000, output=210),
        ),
    ),
)

AUTHENTICATION = Play(
    name="user-authentication",
    phrase="Add user authentication to dashboard",
    steps=(
        Answer(
            "I look at how the application is put together.",
            (read("src/App.jsx"), read("src/main.jsx")),
            Tokens(input=450, cache_write=19_000, output=160),
        ),
        Answer(
            "I add an AuthProvider and put the pages behind it.",
            (
                write("src/auth/session.js", SESSION_JS),
                write("src/auth/LoginForm.jsx", LOGIN_FORM_JSX),
                write("src/auth/AuthProvider.jsx", AUTH_PROVIDER_JSX),
                edit(
                    "src/App.jsx",
                    "import Header from",
                    "import { RequireUser } from './auth/AuthProvider.jsx'\nimport Header from",
                ),
                edit(
                    "src/App.jsx",
                    "        <Page />\n",
                    "        <RequireUser>\n          <Page />\n        </RequireUser>\n",
                ),
                edit(
                    "src/main.jsx",
                    "import App from './App.jsx'\n",
                    "import App from './App.jsx'\n"
                    "import { AuthProvider } from './auth/AuthProvider.jsx'\n",
                ),
                edit(
                    "src/main.jsx",
                    "    <App />\n",
                    "    <AuthProvider>\n      <App />\n    </AuthProvider>\n",
                ),
            ),
            Tokens(input=380, cache_read=19_000, cache_write=2_500, output=2_900),
        ),
        Answer(
            "Now I check that the imports resolve.",
            (bash("sh scripts/check.sh"),),
            Tokens(input=290, cache_read=21_500, cache_write=3_200, output=120),
        ),
        Answer(
            "Pages now need a signed-in user: AuthProvider keeps the user for the session, "
            "RequireUser shows the sign-in form. There is no server behind it yet.",
            spends=Tokens(input=220, cache_read=24_700, output=190),
        ),
    ),
)

CHARTS = Play(
    name="data-visualization",
    phrase="Implement data visualization charts",
    steps=(
        Answer(
            "I look at the pages and at how a page learns who is signed in.",
            (read("src/App.jsx"), read("src/auth/AuthProvider.jsx"), read("README.md")),
            Tokens(input=470, cache_write=20_000, output=190),
        ),
        Answer(
            "I add a line chart without a library, and a page for it.",
            (
                write("src/charts/scale.js", SCALE_JS),
                write("src/charts/LineChart.jsx", LINE_CHART_JSX),
                write("src/pages/Charts.jsx", CHARTS_JSX),
                edit(
                    "src/App.jsx",
                    "import Overview from './pages/Overview.jsx'\n",
                    "import Charts from './pages/Charts.jsx'\n"
                    "import Overview from './pages/Overview.jsx'\n",
                ),
                edit("src/App.jsx", "{ Overview }", "{ Overview, Charts }"),
            ),
            Tokens(input=400, cache_read=20_000, cache_write=2_800, output=2_400),
        ),
        Answer(
            "I note the charts in the README and check the imports.",
            (
                bash(
                    "printf '\\n## Charts\\n\\n`src/charts/` draws SVG by itself.\\n' >> README.md"
                    " && sh scripts/check.sh"
                ),
            ),
            Tokens(input=280, cache_read=22_800, cache_write=2_700, output=170),
        ),
        Answer(
            "The dashboard has a Charts page for the signed-in user: LineChart draws plain SVG, "
            "scaled by src/charts/scale.js; no new dependency.",
            spends=Tokens(input=230, cache_read=25_500, output=200),
        ),
    ),
)
