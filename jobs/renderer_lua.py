"""Health scripts in Lua, run where they can do no harm: without files, processes, modules, bytecode or Python.

Child side only, like Helm's library. Scripts are written for Argo CD, whose Lua is 5.1 with `goto`
(https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks); what 5.4 dropped and they use
is put back. Loops end by a hook; what the hook cannot see (a pattern that backtracks, a finalizer) ends by the parent,
which kills the process.
"""

import time
from dataclasses import dataclass
from typing import Any

import orjson

from jobs.core.errors import shortened

MEMORY = 64 << 20
"""Bytes one script may use, the object included."""
MAX_MESSAGE = 1000
"""Characters of a message."""

PRELUDE = """
local script, seconds, open_libs = ...
local load, type, rawget, pairs, error, clock, sethook = load, type, rawget, pairs, error, os.clock, debug.sethook
local date, time, create, wrapper = os.date, os.time, coroutine.create, coroutine.wrap
local pcall, pack, unpack = pcall, table.pack, table.unpack
local ends, asked = clock() + seconds, false

local function stop()
  if clock() > ends then
    -- From now on at every step, in whatever coroutine: a script that catches this error is stopped by the next.
    sethook(stop, "", 1)
    error("it ran longer than its limit of " .. seconds .. " s", 0)
  end
end

local function hooked(body)
  return function(...)
    sethook(stop, "", 10000)
    return body(...)
  end
end

local function only(library, names)
  local kept = {}
  for _, name in pairs(names) do kept[name] = library[name] end
  return kept
end

local env = only(_G, { "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget",
  "rawlen", "rawset", "select", "setmetatable", "tonumber", "tostring", "type" })
env._G, env._VERSION, env.print = env, "Lua 5.1", function() end
env.xpcall = function(body, handler, ...)
  -- The real one would run the handler while the hook is off.
  local said = pack(pcall(body, ...))
  if said[1] then return unpack(said, 1, said.n) end
  return false, handler(said[2])
end
env.table = only(table, { "concat", "insert", "move", "pack", "remove", "sort", "unpack" })
env.unpack, env.table.getn, env.table.maxn = table.unpack, rawlen, rawlen
env.os = {
  -- What is said now may be untrue later: such an answer is not kept.
  time = function(when) asked = asked or when == nil; return time(when) end,
  date = function(format, when) asked = asked or when == nil; return date(format, when) end,
  clock = function() asked = true; return clock() end,
  difftime = os.difftime,
}
if open_libs then
  env.math, env.utf8 = only(math, { "abs", "ceil", "floor", "fmod", "huge", "max", "maxinteger", "min", "mininteger",
    "modf", "pi", "sqrt", "tointeger", "type", "ult", "exp", "log", "random" }), utf8
  env.math.pow = function(x, y) return x ^ y end
  env.string = only(string, { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep",
    "reverse", "sub", "upper" })
  env.coroutine = only(coroutine, { "isyieldable", "running", "status", "yield", "resume" })
  env.coroutine.create = function(body) return create(hooked(body)) end
  env.coroutine.wrap = function(body) return wrapper(hooked(body)) end
  getmetatable("").__index = env.string
else
  getmetatable("").__index = nil
end
getmetatable("").__metatable = false
local libraries = { os = env.os, table = env.table, string = env.string, math = env.math }
env.require = function(name)
  return libraries[name] or error("there is no module " .. tostring(name), 2)
end

return function(obj)
  env.obj = obj
  local chunk, problem = load(script, "=health.lua", "t", env)  -- text only: bytecode can crash the interpreter
  if not chunk then error(problem, 0) end
  sethook(stop, "", 10000)
  local said = chunk()
  if type(said) ~= "table" then error("it returns " .. type(said) .. " and not a table", 0) end
  local word, message = rawget(said, "status"), rawget(said, "message")
  sethook()
  return type(word) == "string" and word or "", type(message) == "string" and message or "", asked
end
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a script says, as plain data."""

    status: str = ""
    """One of the six words, if the script is right."""
    message: str = ""
    """What it says, or why it failed."""
    failed: bool = False
    spent: bool = False
    """Whether it failed since it hit the limit of time or memory."""
    timed: bool = False
    """Whether it looked at the clock."""


def verdict(script: str, body: bytes, *, open_libs: bool, seconds: float) -> Verdict:
    """Run a script on an object, given as JSON. Never raises for what the script does. seconds: of the processor."""
    from lupa import lua54

    runtime: Any = lua54.LuaRuntime  # its stubs are incomplete
    began = time.process_time()
    try:
        # No way back into Python: nothing of it is registered, and the object is copied into Lua's own tables.
        lua = runtime(register_eval=False, register_builtins=False, unpack_returned_tuples=True, max_memory=MEMORY)
        judge = lua.execute(PRELUDE, script, seconds, open_libs)
        status, message, timed = judge(lua.table_from(orjson.loads(body), recursive=True))
    except (lua54.LuaMemoryError, MemoryError):
        return Verdict(message=f"it used more memory than its limit of {MEMORY >> 20} MB", failed=True, spent=True)
    except (lua54.LuaError, UnicodeError, RecursionError) as error:
        said = str(error).partition("\nstack traceback:")[0] or type(error).__name__
        return Verdict(message=shortened(said, MAX_MESSAGE), failed=True, spent=time.process_time() - began >= seconds)
    return Verdict(status, shortened(message, MAX_MESSAGE), timed=timed)
