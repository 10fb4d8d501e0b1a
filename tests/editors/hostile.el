;;; hostile.el --- A log and a folder that want to choose what Emacs does  -*- lexical-binding: t; -*-

;; LOG_FILE: a log that asks for a mode, for variables and for code.  Writes what became of it to REPORT_FILE.

(require 'feature-build)
(require 'json)

;; A user who lets files do what they ask for.
(setq enable-local-variables :all enable-local-eval t)

(defvar log (getenv "LOG_FILE"))
(defvar seen nil)

(defun see (key value)
  "Report VALUE as KEY."
  (push (cons key value) seen))

(defun evil ()
  "Whether code of the log was run; forget it."
  (let ((traces (directory-files (file-name-directory (getenv "REPORT_FILE")) t "\\`evil-")))
    (mapc #'delete-file traces)
    (if traces t :json-false)))

(defun standing ()
  "What the log in this buffer has achieved."
  (list (cons 'mode (symbol-name major-mode)) (cons 'column fill-column) (cons 'evil (evil))))

;; As Emacs itself opens it.
(with-current-buffer (find-file-noselect log)
  (see 'control (standing))
  (kill-buffer))

(feature-build--show log)
(with-current-buffer (find-buffer-visiting log)
  (see 'shown (standing))
  (revert-buffer t t)
  (see 'reverted (standing))
  (write-region "more\n" nil log t 'silent)
  (auto-revert-tail-handler (file-attribute-size (file-attributes log)))
  (see 'grown (buffer-string)))

(setq feature-build-program "the-users-own")
(defvar told 0)
(advice-add 'display-warning :override (lambda (&rest _) (setq told (1+ told))))
(with-temp-buffer
  (setq-local feature-build-program "/evil")
  (feature-build--program)
  (see 'program (feature-build--program)))
(see 'told told)

(with-temp-file (getenv "REPORT_FILE")
  (insert (json-encode seen)))
