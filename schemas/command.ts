// `uses: command`: the one kind of step that each step declares for itself.

export const commandKind = 'command';

/** Version of what Pawl does around a program; enters the keys of all commands. */
export const commandVersion = 1;
