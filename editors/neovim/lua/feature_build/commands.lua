-- `:FeatureBuild`: its sub-commands and their completion.
local client = require('feature_build.client')

local M = {}

-- Words that complete an argument, from what is planned now.
local function feature_ids(features)
  return vim.tbl_map(function(feature)
    return feature.id
  end, features)
end

local function wave_labels(features, words)
  local labels = {}
  for _, feature in ipairs(features) do
    for _, wave in ipairs(feature.id == words[1] and feature.waves or {}) do
      table.insert(labels, wave.wave) -- a wave without a label cannot be named
    end
  end
  return labels
end

local function task_ids(features)
  local ids = {}
  for _, feature in ipairs(features) do
    for _, wave in ipairs(feature.waves) do
      for _, task in ipairs(wave.tasks) do
        table.insert(ids, task.id)
      end
    end
  end
  return ids
end

-- The place of the current buffer's task in the plan; nil where it is none.
local function task_here(features)
  local name = vim.api.nvim_buf_get_name(0)
  local file = (vim.uv or vim.loop).fs_realpath(name) or name
  for _, feature in ipairs(features) do
    for _, wave in ipairs(feature.waves) do
      for _, task in ipairs(wave.tasks) do
        if feature.root .. '/' .. task.file == file then
          return { root = feature.root, feature = feature.id, wave = wave.wave, task = task.id }
        end
      end
    end
  end
end

local function count(tasks, state)
  return #vim.tbl_filter(function(task)
    return task.state == state
  end, tasks)
end

-- Lets the user choose one of the waves that have tasks to start.
local function choose_wave(features, chosen)
  local waves = {}
  for _, feature in ipairs(features) do
    for _, wave in ipairs(feature.waves) do
      local ready = count(wave.tasks, 'ready')
      if wave.wave and ready > 0 then
        local title = ('%s, wave %s: %d of %d ready'):format(feature.id, wave.wave, ready, #wave.tasks)
        table.insert(waves, { title = title, root = feature.root, feature = feature.id, wave = wave.wave })
      end
    end
  end
  if #waves == 0 then
    return vim.notify('feature-build: nothing is ready to run')
  end
  local format = function(wave)
    return wave.title
  end
  vim.ui.select(waves, { prompt = 'Run wave', format_item = format }, function(wave)
    if wave then
      chosen({ root = wave.root, feature = wave.feature, wave = wave.wave })
    end
  end)
end

local function run(words, at)
  if words[1] then
    local target = { root = at.root, feature = words[1], wave = words[2] }
    return client.execute(at.client, words[2] and 'featureBuild/runWave' or 'featureBuild/runFeature', target)
  end
  local features = client.features(at.client)
  local here = task_here(features)
  local go = function(target)
    client.execute(at.client, 'featureBuild/runWave', target)
  end
  if here and here.wave then
    return go({ root = here.root, feature = here.feature, wave = here.wave })
  end
  choose_wave(features, go)
end

-- The task that was named, else the current buffer's; nil, and the user is told, where there is none.
local function asked_task(words, at)
  if words[1] then
    return { root = at.root, task = words[1] }
  end
  local here = task_here(client.features(at.client))
  if not here then
    vim.notify('feature-build: this is no task file: name a task', vim.log.levels.WARN)
  end
  return here
end

local function run_task(words, at)
  local target = asked_task(words, at)
  if target then
    client.execute(at.client, 'featureBuild/runTask', { root = target.root, task = target.task })
  end
end

local function open_log(words, at)
  local target = asked_task(words, at)
  if target then
    client.execute(at.client, 'featureBuild/openLog', { root = target.root, task = target.task })
  end
end

local function follow(words, at)
  local target = asked_task(words, at)
  if target then
    require('feature_build.log').follow(client.program(), target.root, target.task)
  end
end

local function show_runs(_, at)
  client.request(at.client, 'featureBuild/runs', { root = at.root }, function(answer)
    local lines = {}
    for _, one in ipairs(answer.runs) do
      local outcomes = {}
      for outcome, number in pairs(one.summary) do
        if number > 0 then
          table.insert(outcomes, number .. ' ' .. outcome)
        end
      end
      table.sort(outcomes)
      local started = one.started:gsub('T', ' '):gsub('%..*$', '')
      -- That it is over says nothing: how it ended does.
      local ended = type(one.outcome) == 'string' and one.outcome or one.state
      table.insert(lines, table.concat({ started, one.run, one.feature, ended, table.concat(outcomes, ', ') }, '  '))
    end
    vim.cmd('botright new')
    vim.api.nvim_buf_set_lines(0, 0, -1, false, #lines > 0 and lines or { 'no runs yet' })
    vim.opt_local.buftype = 'nofile'
    vim.opt_local.bufhidden = 'wipe'
    vim.opt_local.modifiable = false
    vim.api.nvim_win_set_height(0, math.max(1, math.min(#lines, 12)))
  end)
end

local function in_target(command)
  return function(words, at)
    client.execute(at.client, command, { root = at.root, feature = words[1], wave = words[2] })
  end
end

local feature_and_wave = { feature_ids, wave_labels }
local subcommands = {
  run = { go = run, words = feature_and_wave },
  task = { go = run_task, words = { task_ids } },
  rerun = { go = in_target('featureBuild/rerunFailed'), words = feature_and_wave },
  cancel = { go = in_target('featureBuild/cancel'), words = feature_and_wave },
  log = { go = open_log, words = { task_ids } },
  follow = { go = follow, words = { task_ids } },
  runs = { go = show_runs, words = {} },
  failures = {
    go = function(_, at)
      require('feature_build.failures').open(at.client.offset_encoding)
    end,
    words = {},
  },
}

function M.execute(words)
  local name = table.remove(words, 1) or 'run'
  local subcommand = subcommands[name]
  if not subcommand then
    return vim.notify('feature-build: no sub-command "' .. name .. '"', vim.log.levels.ERROR)
  end
  local found, root = client.here()
  if found then
    subcommand.go(words, { client = found, root = root })
  end
end

-- Completes the word under the cursor of `:FeatureBuild ...`.
function M.complete(lead, line, position)
  local words = vim.split(line:sub(1, position), '%s+')
  -- The first word is the command itself, the last one is being written.
  table.remove(words, 1)
  table.remove(words)
  local candidates = vim.tbl_keys(subcommands)
  if #words > 0 then
    local subcommand = subcommands[table.remove(words, 1)]
    local complete = subcommand and subcommand.words[#words + 1]
    local found = complete and client.here()
    candidates = found and complete(client.features(found), words) or {}
  end
  table.sort(candidates)
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
end

return M
