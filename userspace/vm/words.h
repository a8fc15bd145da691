/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that a program's arguments name. */
#ifndef QWAMOS_VM_WORDS_H
#define QWAMOS_VM_WORDS_H

/**
 * qvm_words_paths() - call @fn with each part of an argument that may be a path: what it begins
 * with, and what follows a "=" or a ","
 * @word: the argument
 * @fn: called with a part of it
 * @arg: its first argument
 */
void qvm_words_paths(const char *word, void (*fn)(void *arg, const char *path), void *arg);

#endif
