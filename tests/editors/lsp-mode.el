;;; What a user does in Emacs with lsp-mode, in batch mode.  Writes what it saw as JSON.  -*- lexical-binding: t; -*-

;; TASK_FILE: a task whose wave fails at it; SLOW_FILE: one whose wave does not end by itself.

(require 'json)
(setq user-emacs-directory (file-name-as-directory (getenv "XDG_STATE_HOME")))
(package-initialize)
(require 'feature-build)
(require 'lsp-mode)
(require 'lsp-lens)
(require 'markdown-mode)

(defvar seen nil)

(defun see (key value)
  (push (cons key value) seen))

(defun finish ()
  (with-temp-file (getenv "REPORT_FILE")
    (insert (json-encode seen)))
  (kill-emacs))

(defun wait (what condition)
  "Wait until CONDITION holds; without that WHAT is missing."
  (let ((deadline (+ (float-time) 120)))
    (while (not (funcall condition))
      (when (> (float-time) deadline)
        (see 'missing what)
        (see 'lenses (vconcat (lenses)))
        (finish))
      (accept-process-output nil 0.02))))

(defun lenses ()
  "The lenses as they are drawn."
  (delq nil (mapcar (lambda (overlay)
                      (when-let ((shown (overlay-get overlay 'lsp-lens)))
                        (substring-no-properties (or (overlay-get overlay 'before-string)
                                                     (overlay-get overlay 'after-string) ""))))
                    (overlays-in (point-min) (1+ (point-max))))))

(defun lens (pattern)
  (seq-find (lambda (text) (string-match-p pattern text)) (lenses)))

(defun refresh ()
  "What lsp-mode does when Emacs is idle, which it never is in batch mode."
  (lsp-lens-refresh t))

(defun execute (pattern)
  "Execute the code action that matches PATTERN."
  (let* ((actions (lsp-code-actions-at-point))
         (titles (mapcar (lambda (action) (lsp:code-action-title action)) actions)))
    (unless (assq 'actions seen)
      (see 'actions (vconcat titles)))
    (lsp-execute-code-action
     (seq-find (lambda (action) (string-match-p pattern (lsp:code-action-title action))) actions))))

(defun failure ()
  "What is told of it once its output is read too: that may come a moment later."
  (seq-find (lambda (text) (string-match-p "failed (exit [0-9]+)\n" text))
            (mapcar (lambda (diagnostic) (lsp:diagnostic-message diagnostic)) (lsp--get-buffer-diagnostics))))

(setq feature-build-program (getenv "FEATURE_BUILD")
      lsp-auto-guess-root t
      lsp-enable-file-watchers nil
      lsp-session-file (expand-file-name "lsp-session" user-emacs-directory)
      lsp-server-install-dir user-emacs-directory
      lsp-lens-enable t)
(see 'version (format "Emacs %s, lsp-mode %s" emacs-version
                      (package-version-join (package-desc-version (cadr (assq 'lsp-mode package-alist))))))

(find-file (getenv "TASK_FILE"))
(lsp)
(wait "the server" (lambda () (bound-and-true-p lsp-managed-mode)))
(lsp-lens-mode 1)
(wait "the lens" (lambda () (refresh) (accept-process-output nil 0.1) (lens "Run wave 1 (3 tasks)")))
(see 'lens (lens "Run wave"))
(execute "^Run wave")
(wait "progress" (lambda () (string-match-p "[0-3]/3" (format "%s" (lsp--progress-status)))))
(see 'progress (substring-no-properties (lsp--progress-status)))
(wait "the failure" #'failure)
(see 'failure (failure))
(wait "the lens that tells the failure" (lambda () (refresh) (accept-process-output nil 0.1) (lens "Open log")))
(see 'after (lens "Open log"))
(wait "the end" (lambda () (null (lsp--progress-status))))
(execute "^Open the log")
(wait "the log" (lambda () (get-buffer "TASK-TXT-002.log")))
(with-current-buffer "TASK-TXT-002.log"
  (see 'log (buffer-string))
  (wait "the growing log" (lambda () (bound-and-true-p auto-revert-tail-mode))))

(find-file (getenv "SLOW_FILE"))
(lsp)
(wait "the server" (lambda () (bound-and-true-p lsp-managed-mode)))
(execute "^Run wave")
(wait "the offer to cancel" (lambda () (seq-some (lambda (action) (string-match-p "^Cancel" (lsp:code-action-title action)))
                                                 (lsp-code-actions-at-point))))
;; A task that had not begun yet would be skipped.
(wait "its output"
      (lambda () (seq-some (lambda (log) (> (file-attribute-size (file-attributes log)) 0))
                           (file-expand-wildcards
                            (expand-file-name "../../.feature-build/runs/*/TASK-SLOW-001.log"
                                              (file-name-directory (getenv "SLOW_FILE")))))))
(execute "^Cancel")
(see 'cancel_was_offered t)
(wait "the end of what was cancelled"
      (lambda () (seq-some (lambda (action) (string-match-p "(cancelled)" (lsp:code-action-title action)))
                           (lsp-code-actions-at-point))))
(finish)
