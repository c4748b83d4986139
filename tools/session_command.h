/** @file session_command.h
 *  The commands of qta-session: each parses its own arguments, argv[0] being its name, and returns
 *  the exit status of the program. */
#ifndef QTA_TOOLS_SESSION_COMMAND_H
#define QTA_TOOLS_SESSION_COMMAND_H

int qta_command_cat(int argc, char **argv);
int qta_command_compact(int argc, char **argv);
int qta_command_diff(int argc, char **argv);
int qta_command_export(int argc, char **argv);
int qta_command_frames(int argc, char **argv);
int qta_command_gaps(int argc, char **argv);
int qta_command_import(int argc, char **argv);
int qta_command_info(int argc, char **argv);
int qta_command_ls(int argc, char **argv);
int qta_command_merge(int argc, char **argv);
int qta_command_pin(int argc, char **argv);
int qta_command_prune(int argc, char **argv);
int qta_command_redecode(int argc, char **argv);
int qta_command_reindex(int argc, char **argv);
int qta_command_repair(int argc, char **argv);
int qta_command_unpin(int argc, char **argv);
int qta_command_verify(int argc, char **argv);

#endif
