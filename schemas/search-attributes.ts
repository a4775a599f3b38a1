// The search attributes of Pawl's workflows: name -> type of Temporal.

export const searchAttributes = {
  PawlPipeline: 'KEYWORD',
  PawlStep: 'KEYWORD',
  PawlIteration: 'INT',
  PawlSweep: 'KEYWORD',
  PawlTrial: 'INT',
  PawlGitSha: 'KEYWORD',
} as const;
