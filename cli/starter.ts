// The pipeline that `pawl init` writes: every part of the language that a first one needs, on steps that only wait. Pure.

/** Text of a pipeline called `name`; `schema` is where an editor finds the schema, from the file. */
export const starter = (name: string, schema: string): string => `# yaml-language-server: $schema=${schema}
# A first pipeline. Its steps only wait and count, so that it runs anywhere within seconds; replace them one by one.
#   npx pawl validate ${name}.yaml              checks it; nothing runs
#   npx pawl plan ${name}.yaml                  shows what would run, and why
#   npx pawl run ${name}.yaml --set turns=5     runs it; what is done already is not done again
pawl: 1                                  # version of the language
name: ${name}

params:                                  # what can be set from outside: --set turns=5
  turns: { type: integer, default: 3, min: 1, help: iterations of the loop; raise it and the loop goes on where it ended }
  value: { type: number, default: 0.5, help: a figure that is handed from step to step }

defaults:                                # what every step inherits
  retry: { attempts: 3, backoff: 1s }    # an attempt that fails is repeated from its last checkpoint

steps:
  # A step names its kind under \`uses\` and gives it inputs under \`with\`. \`npx pawl schema\` prints all kinds for an editor.
  prepare:
    uses: test.sleep
    with: { steps: 2, step_ms: 50, value: "\${{ params.value }}" }

  # What refers to another step waits for it; there is no list of dependencies.
  # A loop hands what is under \`carry\` from one iteration to the next; each iteration is kept once it is done.
  train:
    loop:
      max: \${{ params.turns }}
      until: \${{ steps.turn.metrics.value > 100.0 }}
      carry:
        state: { type: folder, init: "\${{ steps.prepare.outputs.folder }}", next: "\${{ steps.turn.outputs.folder }}" }
      steps:
        turn:
          uses: test.sleep
          with: { steps: 4, step_ms: 50, value: "\${{ params.value + iter.index }}", previous: "\${{ carry.state }}" }
          checkpoint: { every: 2 steps }

  # A gate lets the run go on only when its conditions hold. Add \`approve: { timeout: 48h }\` and it waits for a person, too.
  good_enough:
    gate:
      assert: [ "\${{ steps.train.metrics.turn.value >= params.value }}" ]

# What the run hands out: \`npx pawl status\` shows it.
outputs: { state: "\${{ steps.train.outputs.state }}" }
metrics: { value: "\${{ steps.train.metrics.turn.value }}" }
`;
